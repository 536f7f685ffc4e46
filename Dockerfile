# One image for web and workers; what a container does is its command (compose.yaml).
FROM python:3.11-slim AS build
# Extras to install besides, as "s3 otel".
ARG EXTRAS=""
COPY requirements*.txt /tmp/
RUN python -m venv /venv && for extra in "" $EXTRAS; do \
    /venv/bin/pip install --no-cache-dir --require-hashes -r "/tmp/requirements${extra:+-$extra}.txt" || exit 1; done

FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends tesseract-ocr tesseract-ocr-tur \
    && rm -rf /var/lib/apt/lists/* && useradd --uid 10001 --no-create-home sira && install -d -o sira -m 700 /data
COPY --from=build /venv /venv
COPY . /app
WORKDIR /app
RUN python -m compileall -q /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data DJANGO_SETTINGS_MODULE=config.settings
USER sira
VOLUME /data
# exec form everywhere: SIGTERM must reach the process itself, or nothing drains.
CMD ["daphne", "-v", "0", "-e", "tcp:port=8000:interface=0.0.0.0:backlog=2048", "config.asgi:application"]
