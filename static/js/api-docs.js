// Swagger UI on the description of this server. A person who has signed in is known to it by the session.

const place = document.getElementById("swagger-ui");

const csrfToken = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];

SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null, // its default is a server of others
  requestInterceptor: (request) => {
    const token = csrfToken();
    if (token && !["GET", "HEAD", undefined].includes(request.method)) request.headers["X-CSRFToken"] = token;
    return request;
  },
});
