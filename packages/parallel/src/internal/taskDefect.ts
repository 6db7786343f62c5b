/**
 * Turns any thrown value into plain JSON data and back, and never throws itself: getters that throw, cycles and revoked proxies are met in defects of all places.
 *
 * Errors keep name, message, stack, `cause`, the `errors` of an `AggregateError` and their own fields. It knows nothing of Effect, so that the worker of a plain function need not load it.
 */

export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** How deep values are followed; below, a description stands for them. */
const deepest = 8
/** How many entries of an array or an object are kept. */
const widest = 1_000

/** Marks what JSON has no form for, and objects that have a key of that name themselves. */
const mark = "~"

/** Encodes whatever was thrown. */
export const encode = (value: unknown): Json => encodeAt(value, 0, new Set())

const encodeAt = (value: unknown, depth: number, path: Set<object>): Json => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { [mark]: "number", value: Object.is(value, -0) ? "-0" : String(value) }
    case "undefined":
      return { [mark]: "undefined" }
    case "bigint":
      return { [mark]: "bigint", value: String(value) }
    case "symbol":
      return describe(value)
    case "function":
      return describe(value)
    default:
      if (value === null) return null
      try {
        return encodeObject(value as object, depth, path)
      } catch {
        return describe(value)
      }
  }
}

const encodeObject = (value: object, depth: number, path: Set<object>): Json => {
  if (path.has(value)) return "[circular]"
  if (depth >= deepest) return describe(value)
  path.add(value)
  try {
    if (isError(value)) return encodeError(value, depth, path)
    if (value instanceof Date) return { [mark]: "date", value: Number.isNaN(value.getTime()) ? null : value.getTime() }
    if (Array.isArray(value)) return value.slice(0, widest).map((item) => encodeAt(item, depth + 1, path))
    const fields = encodeFields(value, depth, path)
    return mark in fields ? { [mark]: "object", value: fields } : fields
  } finally {
    path.delete(value)
  }
}

const isError = (value: object): value is Error => value instanceof Error || Object.prototype.toString.call(value) === "[object Error]"

const encodeError = (error: Error, depth: number, path: Set<object>): Json => {
  const told: Record<string, Json> = { [mark]: "error", name: textOf(error, "name") ?? "Error", message: textOf(error, "message") ?? "" }
  const stack = textOf(error, "stack")
  if (stack !== undefined) told["stack"] = stack
  const cause = read(error, "cause")
  if (cause !== undefined) told["cause"] = encodeAt(cause, depth + 1, path)
  const errors = read(error, "errors")
  if (Array.isArray(errors)) told["errors"] = errors.slice(0, widest).map((one) => encodeAt(one, depth + 1, path))
  const fields = encodeFields(error, depth, path, ownWords)
  const tag = read(error, "_tag")
  if (typeof tag === "string") fields["_tag"] = tag
  if (Object.keys(fields).length > 0) told["fields"] = fields
  return told
}

const ownWords = new Set(["name", "message", "stack", "cause", "errors"])

const encodeFields = (value: object, depth: number, path: Set<object>, without?: ReadonlySet<string>): Record<string, Json> => {
  const fields: Record<string, Json> = {}
  let left = widest
  for (const key of Object.keys(value)) {
    if (without?.has(key)) continue
    if (left-- === 0) break
    const field = read(value, key)
    if (typeof field === "function" || typeof field === "symbol") continue
    put(fields, key, encodeAt(field, depth + 1, path))
  }
  return fields
}

/** A key such as `__proto__` is a key like any other. */
const put = (target: object, key: string, value: unknown): void => {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

const read = (value: object, key: string): unknown => {
  try {
    return (value as Record<string, unknown>)[key]
  } catch {
    return undefined
  }
}

const textOf = (value: object, key: string): string | undefined => {
  const text = read(value, key)
  return typeof text === "string" ? text : undefined
}

const describe = (value: unknown): string => {
  try {
    if (typeof value === "function") return `[function ${value.name || "without a name"}]`
    if (typeof value === "symbol") return String(value)
    return Object.prototype.toString.call(value)
  } catch {
    return "[a value that cannot be read]"
  }
}

const builtIn: Readonly<Record<string, new (message?: string) => Error>> = {
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError
}

/** Decodes what `encode` gave. */
export const decode = (json: Json): unknown => {
  if (typeof json !== "object" || json === null) return json
  if (isList(json)) return json.map(decode)
  switch (Object.hasOwn(json, mark) ? json[mark] : undefined) {
    case undefined:
      return decodeFields(json)
    case "object":
      return decodeFields(json["value"] as { readonly [key: string]: Json })
    case "undefined":
      return undefined
    case "number":
      return Number(json["value"])
    case "bigint":
      return BigInt(json["value"] as string)
    case "date":
      return new Date(json["value"] === null ? Number.NaN : (json["value"] as number))
    default:
      return decodeError(json)
  }
}

const isList = (json: Json): json is ReadonlyArray<Json> => Array.isArray(json)

const decodeFields = (json: { readonly [key: string]: Json }): object => {
  const fields = {}
  for (const key of Object.keys(json)) put(fields, key, decode(json[key]!))
  return fields
}

const decodeError = (json: { readonly [key: string]: Json }): Error => {
  const name = String(json["name"])
  const message = String(json["message"])
  const make = Object.hasOwn(builtIn, name) ? builtIn[name]! : Error
  const error =
    json["errors"] === undefined ? new make(message) : new AggregateError((json["errors"] as ReadonlyArray<Json>).map(decode), message)
  hide(error, "stack", json["stack"] ?? `${name}: ${message}`)
  if (error.name !== name) hide(error, "name", name)
  if (json["cause"] !== undefined) hide(error, "cause", decode(json["cause"]))
  const fields = json["fields"] as { readonly [key: string]: Json } | undefined
  if (fields !== undefined) for (const key of Object.keys(fields)) put(error, key, decode(fields[key]!))
  return error
}

/** As in errors that were made here: these fields are not listed. */
const hide = (error: Error, key: string, value: unknown): void => {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true })
}
