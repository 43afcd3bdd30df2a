// Passkeys in a form. <form data-passkey="get" data-passkey-options="ELEMENT_ID"> holds a field with the attribute
// data-passkey-answer; on submission the authenticator is asked, the field is filled with its answer as JSON, and
// the form goes on its way. The options are the JSON text of the element with that id (Django's json_script).
// "get" signs an act or signs in, "create" registers a key. The key never leaves the authenticator.

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

const withBytes = (list) => list?.map((item) => ({ ...item, id: toBytes(item.id) }));

function parse(options) {
  const plain = options.publicKey ?? options;
  const parsed = { ...plain, challenge: toBytes(plain.challenge) };
  if (plain.user) parsed.user = { ...plain.user, id: toBytes(plain.user.id) };
  if (plain.allowCredentials) parsed.allowCredentials = withBytes(plain.allowCredentials);
  if (plain.excludeCredentials) parsed.excludeCredentials = withBytes(plain.excludeCredentials);
  return parsed;
}

/** The answer in the JSON form of WebAuthn Level 3, for browsers with and without toJSON(). */
function serialise(credential) {
  const { response } = credential;
  const parts = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) parts[name] = toText(response[name]);
  }
  if (response.getTransports) parts.transports = response.getTransports();
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? null,
    response: parts,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

async function ask(form) {
  const options = JSON.parse(document.getElementById(form.dataset.passkeyOptions).textContent);
  const publicKey = parse(options);
  const credentials = navigator.credentials;
  const credential =
    form.dataset.passkey === "create"
      ? await credentials.create({ publicKey })
      : await credentials.get({ publicKey });
  return JSON.stringify(serialise(credential));
}

function report(form, text) {
  const place = form.querySelector("[data-passkey-error]");
  if (!place) return;
  place.textContent = text;
  place.hidden = !text;
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-passkey]");
  if (!form || event.defaultPrevented) return;
  const field = form.querySelector("[data-passkey-answer]");
  if (!field || field.value) return;
  event.preventDefault();
  if (!window.PublicKeyCredential) return report(form, form.dataset.passkeyUnsupported ?? "");
  report(form, "");
  form.setAttribute("aria-busy", "true");
  try {
    field.value = await ask(form);
    form.requestSubmit(event.submitter ?? undefined);
  } catch {
    // The browser does not say whether the person declined or no key fits, so neither does the page.
    field.value = "";
    report(form, form.dataset.passkeyRefused ?? "");
  } finally {
    form.removeAttribute("aria-busy");
  }
});

// Pressed before this was here, the form would have gone without an answer, to be refused.
for (const button of document.querySelectorAll("form[data-passkey] button[disabled]")) button.disabled = false;
