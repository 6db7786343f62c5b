/** Writes JSON text that gives back what it was made of, and names the place of what JSON would drop or change. It knows nothing of Effect. */

/** A value that JSON cannot hold. */
export class NotJson extends Error {}

/** Writes the text of a value, with -0; refuses functions, symbols, bigints, class instances, cycles. Whether it accepts `undefined` is for the caller to say: alone it is written as null. */
export const write = (value: unknown): string => {
  let text: string | undefined
  try {
    text = inspect(value, []) ? writeSlowly(value) : JSON.stringify(value)
  } catch (error) {
    // A stack overflow.
    if (error instanceof RangeError) throw new NotJson("it is cyclic, or nested too deep")
    throw error
  }
  return text ?? "null"
}

/** Throws at what is no JSON; says whether there is a -0 in it, which `JSON.stringify` would lose. */
const inspect = (value: unknown, path: Array<string | number>): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return false
    case "number":
      if (!Number.isFinite(value)) throw refuse(String(value), path)
      return Object.is(value, -0)
    case "object":
      if (value === null) return false
      // It would be asked for something else to write.
      if (typeof (value as { readonly toJSON?: unknown }).toJSON === "function" && isOwn(value))
        throw refuse("a function", [...path, "toJSON"])
      return Array.isArray(value) ? inspectList(value, path) : inspectObject(value, path)
    default:
      throw refuse(typeof value === "undefined" ? "undefined" : `a ${typeof value}`, path)
  }
}

/** Of a class it is said that it is one. */
const isOwn = (value: object): boolean => Object.hasOwn(value, "toJSON")

const inspectList = (list: ReadonlyArray<unknown>, path: Array<string | number>): boolean => {
  let slow = false
  for (let i = 0; i < list.length; i++) {
    path.push(i)
    if (inspect(list[i], path)) slow = true
    path.pop()
  }
  return slow
}

const inspectObject = (value: object, path: Array<string | number>): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    const name = (value as { readonly constructor?: { readonly name?: unknown } }).constructor?.name
    throw refuse(typeof name === "string" && name !== "" ? `an object (${name})` : "an object with a prototype", path)
  }
  let slow = false
  for (const key of Object.keys(value)) {
    path.push(key)
    if (inspect((value as Record<string, unknown>)[key], path)) slow = true
    path.pop()
  }
  return slow
}

/** The place is written as Schema writes it. */
const refuse = (what: string, path: ReadonlyArray<string | number>): NotJson =>
  new NotJson(`${what} cannot travel${path.length === 0 ? "" : `\n  at ${path.map((step) => `[${JSON.stringify(step)}]`).join("")}`}`)

const writeSlowly = (value: unknown): string => {
  if (Object.is(value, -0)) return "-0"
  if (Array.isArray(value)) return `[${value.map(writeSlowly).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const fields = Object.keys(value).map((key) => `${JSON.stringify(key)}:${writeSlowly((value as Record<string, unknown>)[key])}`)
  return `{${fields.join(",")}}`
}
