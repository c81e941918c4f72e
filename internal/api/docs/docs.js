// Draws the routes of /openapi.json, and sends requests to them with the session that the browser has.

const doc = await (await fetch('/openapi.json')).json();
const $ = (id) => document.getElementById(id);

// h makes an element. Text is only ever put in as text.
function h(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c || c === 0));
  return e;
}

const resolve = (schema) => (schema?.$ref ? doc.components.schemas[schema.$ref.split('/').pop()] : schema) ?? {};
const typeOf = (schema) => [resolve(schema).type ?? 'anything'].flat().filter((t) => t !== 'null')[0];
const nameOf = (schema) => schema?.$ref?.split('/').pop();

// sample makes an example of a schema out of the examples that it has.
function sample(schema, depth = 0) {
  const s = resolve(schema);
  if (s.examples?.length) return s.examples[0];
  if (s.default !== undefined) return s.default;
  if (s.enum) return s.enum[0];
  switch (typeOf(s)) {
    case 'object': {
      const shown = Object.entries(s.properties ?? {}).filter(
        ([name, p]) => s.required?.includes(name) || resolve(p).examples || resolve(p).default !== undefined,
      );
      return depth > 4 ? {} : Object.fromEntries(shown.map(([name, p]) => [name, sample(p, depth + 1)]));
    }
    case 'array': return depth > 4 ? [] : [sample(s.items, depth + 1)];
    case 'string': return '';
    case 'boolean': return false;
    case 'integer': case 'number': return 0;
  }
  return null;
}

// words says what a schema allows, on one line.
function words(schema) {
  const s = resolve(schema);
  const type = typeOf(s);
  const parts = [type === 'array' ? `list of ${nameOf(s.items) ?? typeOf(s.items)}` : nameOf(schema) ?? type];
  if (s.enum) parts.push(s.enum.join(' | '));
  if (s.minimum !== undefined || s.maximum !== undefined) parts.push(`${s.minimum ?? '…'} to ${s.maximum ?? '…'}`);
  if (s.maxLength !== undefined) parts.push(`up to ${s.maxLength} characters`);
  if (s.default !== undefined) parts.push(`default ${JSON.stringify(s.default)}`);
  return parts.join(', ');
}

// tree shows the fields of a schema. What lies deeper is drawn when it is opened.
function tree(schema) {
  const s = resolve(schema);
  if (s.oneOf) return h('div', { class: 'schema' }, s.oneOf.map((one) => opened(nameOf(one) ?? 'one of', one)));
  if (typeOf(s) === 'array') return tree(s.items);
  if (!s.properties) return h('div', { class: 'schema' }, words(schema));
  return h('div', { class: 'schema' }, h('dl', {}, Object.entries(s.properties).map(([name, p]) => {
    const inner = typeOf(p) === 'array' ? resolve(p).items : p;
    return [
      h('dt', {}, h('code', { class: s.required?.includes(name) && 'must' }, name), ' ', h('span', {}, words(p))),
      (p.description || resolve(inner).properties) &&
        h('dd', {}, p.description, resolve(inner).properties && opened(nameOf(inner) ?? 'fields', inner)),
    ];
  })));
}

function opened(title, schema) {
  const d = h('details', {}, h('summary', {}, title));
  d.addEventListener('toggle', () => d.append(tree(schema)), { once: true });
  return d;
}

// field is the input of a parameter.
function field(p) {
  const s = resolve(p.schema);
  const id = `p${++field.count}`;
  const must = p.required || p.in === 'path';
  const value = must ? p.example ?? s.examples?.[0] ?? '' : '';
  const input = s.enum
    ? h('select', { id }, h('option', { value: '' }, ''), s.enum.map((v) => h('option', { value: v }, v)))
    : h('input', { id, value, placeholder: p.example ?? s.examples?.[0] ?? s.default ?? '', autocomplete: 'off' });
  const node = h('div', { class: 'field' }, h('label', { for: id, class: must && 'must' }, p.name), input,
    h('small', {}, [p.description ?? s.description, `${p.in}, ${words(p.schema)}`].filter(Boolean).join(' · ')));
  return { p, input, node };
}
field.count = 0;

// bodyInput is the input of a request's body: JSON as text, anything else as a file.
function bodyInput(request) {
  const [type, media] = Object.entries(request?.content ?? {})[0] ?? [];
  if (!type) return undefined;
  if (type !== 'application/json') {
    const input = h('input', { type: 'file', 'aria-label': 'Body' });
    return { type, media, input, read: () => input.files[0] };
  }
  const text = JSON.stringify(media.example ?? sample(media.schema), null, 2);
  const input = h('textarea', { 'aria-label': 'Body', spellcheck: 'false', rows: Math.min(text.split('\n').length, 18) });
  input.value = text;
  return { type, media, input, read: () => input.value };
}

// build makes the request that a route's inputs describe.
function build(method, path, fields, body) {
  const query = new URLSearchParams();
  const headers = {};
  for (const { p, input } of fields) {
    if (p.in === 'path') path = path.replace(`{${p.name}}`, encodeURIComponent(input.value));
    else if (input.value === '') continue;
    else if (p.in === 'query') query.set(p.name, input.value);
    else if (p.in === 'header') headers[p.name] = input.value;
  }
  if (body) headers['Content-Type'] = body.type;
  const url = path + (query.size ? `?${query}` : '');
  return [url, { method: method.toUpperCase(), headers, body: body?.read() }];
}

// show puts an answer on the page as it arrives: a stream of events has no end that could be waited for.
async function show(response, out, began) {
  const status = h('span', { class: `status ${response.ok ? 'good' : 'bad'}` }, `${response.status} ${response.statusText}`);
  const about = h('span', {}, ` ${Math.round(performance.now() - began)} ms · ${response.headers.get('Content-Type') ?? 'no body'}`);
  const pre = h('pre', { tabindex: '0' });
  out.replaceChildren(h('h3', {}, 'Answer'), h('div', {}, status, about), pre);
  const type = response.headers.get('Content-Type') ?? '';
  if (type.includes('json')) {
    const text = await response.text();
    pre.textContent = text && JSON.stringify(JSON.parse(text), null, 2);
  } else if (type.startsWith('text/')) {
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      pre.append(chunk);
      pre.scrollTop = pre.scrollHeight;
    }
  } else {
    const blob = await response.blob();
    pre.replaceChildren(`${blob.size} bytes `, h('a', { href: URL.createObjectURL(blob), download: 'answer' }, 'save'));
  }
}

function route(method, path, op) {
  const fields = (op.parameters ?? []).map(field);
  const body = bodyInput(op.requestBody);
  const out = h('div', { 'aria-live': 'polite' });
  let running;
  const stop = h('button', { type: 'button', disabled: true, onclick: () => running?.abort() }, 'Stop');
  const send = h('button', { type: 'submit', class: 'go' }, 'Send');
  const form = h('form', {
    async onsubmit(event) {
      event.preventDefault();
      running?.abort();
      const mine = running = new AbortController();
      const began = performance.now();
      stop.disabled = false;
      try {
        const [url, init] = build(method, path, fields, body);
        await show(await fetch(url, { ...init, signal: mine.signal }), out, began);
      } catch (error) {
        if (error.name !== 'AbortError') out.replaceChildren(h('pre', {}, String(error)));
      } finally {
        if (running === mine) stop.disabled = true;
      }
    },
  },
  fields.length > 0 && [h('h3', {}, 'Parameters'), ...fields.map((f) => f.node)],
  body && [h('h3', {}, `Body, ${body.type}`), body.input, body.media.schema && opened('Schema of the body', body.media.schema)],
  h('div', { class: 'act' }, send, stop));
  const answers = Object.entries(op.responses ?? {}).flatMap(([status, r]) =>
    Object.entries(r.content ?? {}).map(([type, media]) =>
      opened(`${status === 'default' ? 'Error' : status}, ${type}${nameOf(media.schema) ? `, ${nameOf(media.schema)}` : ''}`, media.schema ?? {})));
  const d = h('details', { class: 'route', id: op.operationId },
    h('summary', {}, h('span', { class: `method ${method}` }, method.toUpperCase()), h('span', { class: 'path' }, path),
      h('span', { class: 'says' }, op.summary)));
  d.addEventListener('toggle', () => {
    d.append(h('div', {}, op.description && h('p', {}, op.description), form, out, answers.length > 0 && h('h3', {}, 'Answers'), answers));
  }, { once: true });
  d.dataset.text = `${method} ${path} ${op.summary} ${op.description ?? ''}`.toLowerCase();
  return d;
}

function draw() {
  const main = $('routes');
  main.replaceChildren();
  for (const tag of doc.tags ?? []) {
    const routes = Object.entries(doc.paths).flatMap(([path, item]) => Object.entries(item)
      .filter(([, op]) => op.tags?.includes(tag.name)).map(([method, op]) => route(method, path, op)));
    if (routes.length === 0) continue;
    main.append(h('section', {}, h('h2', {}, tag.name), h('p', {}, tag.description), ...routes));
    $('index').append(h('h2', {}, tag.name), ...routes.map((r) =>
      h('a', { href: `#${r.id}`, 'data-of': r.id }, r.querySelector('.says').textContent)));
  }
}

function filter() {
  const wanted = $('filter').value.toLowerCase().split(/\s+/);
  for (const r of document.querySelectorAll('.route')) {
    r.hidden = !wanted.every((w) => r.dataset.text.includes(w));
    $('index').querySelector(`[data-of="${r.id}"]`).hidden = r.hidden;
  }
  for (const s of document.querySelectorAll('main > section')) s.hidden = !s.querySelector('.route:not([hidden])');
}

// follow opens the route that the address names.
function follow() {
  const r = location.hash && $(decodeURIComponent(location.hash.slice(1)));
  if (!r) return;
  r.open = true;
  r.scrollIntoView();
}

draw();
follow();
addEventListener('hashchange', follow);
$('filter').addEventListener('input', filter);
const who = await fetch('/api/database-management/check-permission');
if (who.ok) $('who').textContent = (await who.json()).reason;
