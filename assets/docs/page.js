// The page of the API, made from the OpenAPI document: every operation with a form that sends it.

/** An element with properties and children; texts are set as texts, never as HTML. */
const el = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children)
  return element
}

const token = document.getElementById('token')
const api = await (await fetch('/openapi.json')).json()

/** A schema itself, where the document has only its name. */
const resolved = ({ $ref, ...schema }) =>
  $ref === undefined ? schema : api.components.schemas[$ref.split('/').at(-1)]

/** A text with its parts between backquotes as code. */
const marked = text => text.split('`').map((part, i) => (i % 2 === 1 ? el('code', {}, part) : part))

/** The first example that a schema offers, so that a form can be sent as it is. */
const exampleOf = named => {
  const schema = resolved(named)
  if (schema.examples) return schema.examples[0]
  if (schema.const) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf) return exampleOf(schema.anyOf[0])
  if (schema.type === 'array') return [exampleOf(schema.items)]
  if (schema.type !== 'object') return schema.type === 'integer' ? 1 : ''
  const required = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name))
  return Object.fromEntries(required.map(([name, property]) => [name, exampleOf(property)]))
}

/** A field with its label: the label is around the field, so that both stay together on a narrow screen. */
const labelled = (name, told, field) =>
  el('label', { className: 'field' }, el('span', {}, el('code', {}, name), ...marked(told)), field)

const fieldsOf = parameters =>
  parameters.map(({ name, in: where, required, description, schema }) => {
    const input = el('input', { name, placeholder: required ? 'required' : '', spellcheck: false, required })
    if (required) input.value = exampleOf(schema)
    const told = ` (${where})${description ? ` ${description}` : ''}`
    return { name, where, input, label: labelled(name, told, input) }
  })

const bodyOf = ({ requestBody }) => {
  if (!requestBody) return undefined
  const { schema } = requestBody.content['application/json']
  const example = schema ? exampleOf(schema) : { client_id: '678' }
  return el('textarea', { name: 'body', value: JSON.stringify(example, undefined, 2), spellcheck: false })
}

/** The request that a form stands for. */
const requestOf = (path, method, fields, body) => {
  const url = new URL(path, location.origin)
  const headers = {}
  if (token.value !== '') headers.Authorization = `Bearer ${token.value}`
  for (const { name, where, input } of fields) {
    if (where === 'path')
      url.pathname = url.pathname.replace(`%7B${name}%7D`, encodeURIComponent(input.value))
    else if (input.value !== '' && where === 'query') url.searchParams.set(name, input.value)
    else if (input.value !== '') headers[name] = input.value
  }
  if (body) headers['Content-Type'] = 'application/json'
  return { url, method: method.toUpperCase(), headers, body: body?.value }
}

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`

const curlOf = ({ url, method, headers, body }) =>
  [
    `curl -i${method === 'GET' ? '' : ` -X ${method}`} ${quoted(url.href)}`,
    ...Object.entries(headers).map(([name, value]) =>
      // a token on the screen would be on every screenshot
      name === 'Authorization' ? `-H "Authorization: Bearer $TOKEN"` : `-H ${quoted(`${name}: ${value}`)}`,
    ),
    ...(body === undefined ? [] : [`-d ${quoted(body)}`]),
  ].join(' \\\n  ')

const pretty = text => {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}

const answerOf = async request => {
  const { url, method, headers, body } = request
  try {
    const response = await fetch(url, { method, headers, body })
    const head = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n')
    return `${response.status} ${response.statusText}\n${head}\n\n${pretty(await response.text())}`
  } catch (error) {
    return `no answer: ${error.message}`
  }
}

const paragraphs = text => text.split('\n\n').map(part => el('p', {}, ...marked(part)))

const answersOf = ({ responses }) =>
  Object.entries(responses).map(([status, { description }]) =>
    el('tr', {}, el('td', {}, el('code', {}, status)), el('td', {}, ...paragraphs(description))),
  )

/** The form of an operation. Enter in a field sends it, as the button does. */
const formOf = (path, method, operation) => {
  const fields = fieldsOf(operation.parameters ?? [])
  const body = bodyOf(operation)
  const shown = el('pre', { hidden: true, tabIndex: 0, ariaLive: 'polite' })
  const form = el('form', {}, ...fields.map(({ label }) => label))
  if (body) form.append(labelled('body', ' (JSON)', body))
  form.append(el('p', {}, el('button', {}, 'Send')), shown)
  form.addEventListener('submit', async event => {
    event.preventDefault()
    const request = requestOf(path, method, fields, body)
    shown.hidden = false
    shown.textContent = `${curlOf(request)}\n\n...`
    shown.textContent = `${curlOf(request)}\n\n${await answerOf(request)}`
  })
  return form
}

const operationOf = (path, method, operation) => {
  const content = el('div', {}, el('p', {}, ...marked(operation.description ?? '')))
  content.append(formOf(path, method, operation))
  content.append(el('h3', {}, 'Answers'), el('table', {}, ...answersOf(operation)))
  const head = el('summary', {}, el('span', { className: 'method' }, method.toUpperCase()))
  head.append(el('span', { className: 'path' }, path), el('span', { className: 'what' }, operation.summary))
  return el('details', {}, head, content)
}

document
  .getElementById('about')
  .replaceChildren(
    `${api.info.description} Version ${api.info.version}; `,
    el('a', { href: '/openapi.json' }, 'openapi.json'),
    '.',
  )
const may_lack_token = api.security.some(scheme => Object.keys(scheme).length === 0)
document.getElementById('token-label').hidden = may_lack_token
for (const [path, operations] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    document.getElementById('operations').append(operationOf(path, method, operation))
  }
}
for (const [code, { status, message, retry }] of Object.entries(api['x-errors'])) {
  const again = el('span', { className: 'narrow' }, 'send it again: ')
  const cells = [[el('code', {}, code)], [String(status)], [again, retry ? 'yes' : 'no'], marked(message)]
  document
    .getElementById('errors')
    .append(el('tr', { id: code }, ...cells.map(cell => el('td', {}, ...cell))))
}
// the errors are made here, so the browser could not go to one by itself
if (location.hash !== '') document.getElementById(location.hash.slice(1))?.scrollIntoView()
