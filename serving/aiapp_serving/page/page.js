// Shows openapi.json, and sends what is in the editor. Texts of the model are only ever text, never markup.

const at = (id) => document.getElementById(id);
const home = new URL("openapi.json", document.baseURI);
const WAIT_MILLISECONDS = 2000; // between two looks at an app whose model is being loaded
const LONGEST_SHOWN = 200_000; // characters of an answer; more would stall the browser, and nobody reads them

let operations = [];

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function listed(documentOfApp) {
  return Object.entries(documentOfApp.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, method: method.toUpperCase() })));
}

async function begin() {
  try {
    const answer = await fetch(home, { cache: "no-store" });
    const found = await answer.json();
    if (answer.status === 503) {
      at("lead").textContent = `${found.detail ?? "The app is not ready"}. This page looks again by itself.`;
      setTimeout(begin, WAIT_MILLISECONDS);
    } else if (answer.ok) {
      show(found);
    } else {
      complain(`openapi.json: ${answer.status} ${found.detail ?? ""}`);
    }
  } catch (error) {
    complain(`openapi.json cannot be read (${error.message}). Is the app running? Load this page again.`);
  }
}

function complain(text) {
  at("lead").textContent = text;
  at("lead").className = "problem";
}

function show(found) {
  operations = listed(found);
  document.title = found.info.title;
  at("title").textContent = found.info.title;
  at("lead").textContent = found.info.description ?? "";
  showModel(found["x-aiapp-model"], found["x-aiapp-release"]);
  showOperations();
  for (const id of ["try", "model", "operations"]) at(id).hidden = false;
}

function showModel(model, release) {
  const frameworks = Object.entries(model.parameters?.frameworks ?? {}).map(([name, version]) => `${name} ${version}`);
  const facts = {
    Name: model.name, Version: release.model.version, Revision: release.revision, Image: release.image,
    "Model digest": release.model.digest, Platform: model.platform, "Made with": frameworks.join(", "),
    Runtime: release.runtime,
  };
  for (const [name, value] of Object.entries(facts)) {
    if (value !== "") at("facts").append(element("dt", name), element("dd", value === null ? "not known" : String(value)));
  }
  showTensors("Inputs", "Columns", model.inputs, (tensor) => tensor.parameters?.columns);
  showTensors("Outputs", "Labels", model.outputs, (tensor) => tensor.parameters?.labels);
}

function showTensors(title, lastColumn, tensors, names) {
  if (!tensors?.length) return;
  const heads = ["Name", "Datatype", "Shape", lastColumn].map((text) => {
    const head = element("th", text);
    head.scope = "col";
    return head;
  });
  const rows = tensors.map((tensor) => {
    const shape = `[${tensor.shape.map((length) => (length < 0 ? "any" : length)).join(", ")}]`;
    const texts = [tensor.name, tensor.datatype, shape, (names(tensor) ?? []).join(", ")];
    return element("tr", null, ...texts.map((text) => element("td", text)));
  });
  const table = element("table", null, element("caption", title), element("thead", null, element("tr", null, ...heads)),
    element("tbody", null, ...rows));
  const scrolled = element("div", null, table);
  scrolled.className = "table";
  at("tensors").append(scrolled);
}

function showOperations() {
  operations.forEach((operation, index) => {
    const name = `${operation.method} ${operation.path}`;
    const option = element("option", name);
    option.value = index;
    at("operation").append(option);
    at("operation-list").append(element("li", null,
      element("code", operation.method), element("code", operation.path), element("p", operation.summary)));
  });
  at("operation").value = Math.max(0, operations.findIndex((operation) => operation.operationId === "score"));
  choose();
}

function chosen() {
  return operations[at("operation").value];
}

function choose() {
  const { summary, parameters = [], requestBody } = chosen();
  at("summary").textContent = summary;
  at("parameters").replaceChildren(...parameters.filter((one) => one.in === "path").map(parameterField));
  at("body-field").hidden = at("example").hidden = !requestBody;
  restoreExample();
}

function parameterField(parameter) {
  const id = `parameter-${parameter.name}`;
  const label = element("label", parameter.name);
  label.htmlFor = id;
  const input = element("input", null);
  Object.assign(input, { id, name: parameter.name, value: parameter.example ?? "", required: true });
  const field = element("div", null, label, input);
  field.className = "field";
  return field;
}

function restoreExample() {
  const media = chosen().requestBody?.content["application/json"];
  at("body").value = media ? laidOut(JSON.stringify(media.example ?? { input: null })) : "";
  at("body-hint").textContent = media?.example === undefined
    ? "Only the app's author can say what belongs here. Ctrl+Enter sends it." : "Ctrl+Enter sends it.";
  showCurl();
}

// The same JSON on several lines; by its text alone, since reading its numbers could change them.
function laidOut(text) {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[^\s"[\]{},:]+|[[\]{},:]/g);
  let place = 0;
  function next(indent) {
    const open = tokens[place++];
    if (open !== "[" && open !== "{") return open;
    const close = open === "[" ? "]" : "}";
    const items = [];
    while (tokens[place] !== close) {
      if (tokens[place] === ",") place += 1;
      const name = open === "{" ? `${tokens[place]}: ` : "";
      if (name) place += 2;
      items.push(name + next(`${indent}  `));
    }
    place += 1;
    const flat = open + items.join(", ") + close;
    const ofPlainItems = open === "[" && !/[[{]/.test(items.join(""));
    if (ofPlainItems || (flat.length < 64 && !flat.includes("\n"))) return flat;
    return `${open}\n${items.map((item) => `${indent}  ${item}`).join(",\n")}\n${indent}${close}`;
  }
  return next("");
}

function request() {
  const { path, method, requestBody } = chosen();
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(at(`parameter-${name}`).value));
  const asked = { url: new URL(filled.slice(1), home), method, headers: {}, body: undefined };
  if (requestBody) Object.assign(asked, { headers: { "Content-Type": "application/json" }, body: at("body").value });
  return asked;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function showCurl() {
  const { url, method, headers, body } = request();
  const words = ["curl", "-i", ...(method === "GET" || body !== undefined ? [] : ["-X", method]), quoted(url.href)];
  for (const [name, value] of Object.entries(headers)) words.push("-H", quoted(`${name}: ${value}`));
  if (body !== undefined) words.push("--data-binary", quoted(body));
  at("curl").textContent = words.join(" ");
  at("copied").textContent = "";
}

async function send(event) {
  event.preventDefault();
  if (at("send").disabled) return;
  at("send").disabled = true;
  at("outcome").textContent = "Sending …";
  at("answer").hidden = false;
  const { url, ...options } = request();
  const started = performance.now();
  try {
    const answer = await fetch(url, { ...options, cache: "no-store" });
    const text = await answer.text();
    showAnswer(answer, text, performance.now() - started);
  } catch (error) {
    showOutcome(`No answer (${error.message}). Is the app still running?`, false);
    at("answer-body").textContent = "";
    at("answer-headers").replaceChildren();
  } finally {
    at("send").disabled = false;
  }
}

function showAnswer(answer, text, milliseconds) {
  showOutcome(`${answer.status} ${answer.statusText}, ${milliseconds.toFixed(1)} ms`, answer.ok);
  const headers = [...answer.headers].flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
  at("answer-headers").replaceChildren(...headers);
  const rest = text.length - LONGEST_SHOWN;
  at("answer-body").textContent = rest > 0 ? `${text.slice(0, LONGEST_SHOWN)}\n… ${rest} characters more` : readable(text);
}

function showOutcome(text, good) {
  at("outcome").textContent = text;
  at("outcome").className = good ? "good" : "bad";
}

function readable(text) {
  try {
    JSON.parse(text);
    return laidOut(text);
  } catch {
    return text;
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(at("curl").textContent);
    at("copied").textContent = "Copied.";
  } catch { // browsers lend the clipboard to https and localhost only
    getSelection().selectAllChildren(at("curl"));
    at("copied").textContent = "Selected: copy it with Ctrl+C.";
  }
}

at("operation").addEventListener("change", choose);
at("request").addEventListener("input", showCurl);
at("request").addEventListener("submit", send);
at("example").addEventListener("click", restoreExample);
at("copy").addEventListener("click", copy);
at("body").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event);
});
begin();
