// The form above a list. What is left blank does not go into the address.

/** Keep blank fields out of what the form sends. */
export function leaveOutBlanks(form) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (!value.trim()) formData.delete(name);
  });
}
