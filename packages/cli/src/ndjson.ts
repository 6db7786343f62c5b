/** Reads a line of JSON as an input: an object has fields, an array has values, anything else is one value. */
import type { Input } from "./job.ts"

/** Text that is no JSON: where it goes wrong, from 1. */
export interface Wrong {
  readonly column: number
  readonly what: string
}

/** Numbers that would be written differently after reading: too long, with an exponent, or with zeros at the end. */
const delicate = /\d{16}|\d[eE]|\.\d*0(?!\d)|-0/

/** A number as it stood in the text. */
class Literal {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

const reviver = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && context?.source !== undefined ? new Literal(context.source) : value

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Literal)

/** Compact JSON, with numbers as they stood. */
const written = (value: unknown): string => {
  if (value instanceof Literal) return value.source
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`
  if (isObject(value))
    return `{${Object.keys(value)
      .map((name) => `${JSON.stringify(name)}:${written(value[name])}`)
      .join(",")}}`
  return JSON.stringify(value)
}

/** What an argument shows of a value: text without quotes, nothing for null, JSON for what has parts. */
const shown = (value: unknown): string => (typeof value === "string" ? value : value === null ? "" : written(value))

const addFields = (
  fields: Record<string, string>,
  value: Readonly<Record<string, unknown>> | ReadonlyArray<unknown>,
  prefix: string
): void => {
  for (const [name, part] of Object.entries(value)) {
    const path = prefix + name
    if (typeof part === "object" && part !== null && !(part instanceof Literal))
      addFields(fields, part as Readonly<Record<string, unknown>>, `${path}.`)
    // Behind its parts, and in front of what was found on another way: `{"a.b": 1, "a": {"b": 2}}` has an `a.b` of its own.
    if (prefix === "" || !Object.hasOwn(fields, path)) fields[path] = shown(part)
  }
}

/**
 * `{}` is the record itself as compact JSON; `{name}` a field, `{a.b}` and `{a.0}` what is inside. No input where the line holds an empty array, which has no value.
 */
export const read = (text: string): Input | Wrong | undefined => {
  let value: unknown
  try {
    value = delicate.test(text) ? JSON.parse(text, reviver) : JSON.parse(text)
  } catch {
    return locate(text)
  }
  try {
    return inputOf(value, text)
  } catch (error) {
    // The only thing that can be wrong with a value that was parsed.
    if (error instanceof RangeError) return { column: 1, what: "nested too deeply" }
    throw error
  }
}

const inputOf = (value: unknown, text: string): Input | Wrong | undefined => {
  const nul = (input: Input): Input | Wrong =>
    input.values.some((each) => each.includes("\0")) || Object.values(input.fields ?? {}).some((each) => each.includes("\0"))
      ? { column: text.indexOf("\\u0000") + 1, what: "a NUL character; an argument cannot carry it" }
      : input
  if (Array.isArray(value)) return value.length === 0 ? undefined : checked(text, nul, { values: value.map(shown) })
  if (!isObject(value)) return checked(text, nul, { values: [shown(value)] })
  // No prototype: a field may be called `__proto__` or `constructor`.
  const fields: Record<string, string> = Object.create(null)
  addFields(fields, value, "")
  return checked(text, nul, { values: [written(value)], fields })
}

const checked = (text: string, nul: (input: Input) => Input | Wrong, input: Input): Input | Wrong =>
  text.includes("\\u0000") ? nul(input) : input

const token =
  /[ \t\r\n]*(?:([{}[\],:])|("(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))/y

/** Where a text stops being JSON: the engine's own messages do not always say. */
const locate = (text: string): Wrong => {
  const stack: Array<"{" | "["> = []
  let expected: "value" | "name" | "name or }" | "value or ]" | ":" | ", or end" = "value"
  let at = 0
  for (;;) {
    token.lastIndex = at
    const found = token.exec(text)
    const column = at + /^\s*/.exec(text.slice(at))![0].length + 1
    const inside = stack[stack.length - 1]
    const close = inside === "{" ? "}" : "]"
    const words =
      expected === ", or end"
        ? inside === undefined
          ? "the end of the line"
          : `"," or "${close}"`
        : {
            value: "a value",
            name: "a name in quotes",
            "name or }": 'a name in quotes or "}"',
            "value or ]": 'a value or "]"',
            ":": '":"'
          }[expected]
    const wrong: Wrong = {
      column,
      what: column > text.length ? `no JSON: it ends where ${words} should be` : `no JSON: ${words} should be here`
    }
    if (found === null) return wrong
    at = token.lastIndex
    const [, mark, string, literal] = found
    const wantsValue = expected === "value" || expected === "value or ]"
    if (wantsValue && (string !== undefined || literal !== undefined)) expected = ", or end"
    else if (wantsValue && (mark === "{" || mark === "[")) {
      stack.push(mark)
      expected = mark === "{" ? "name or }" : "value or ]"
    } else if ((expected === "name" || expected === "name or }") && string !== undefined) expected = ":"
    else if (expected === ":" && mark === ":") expected = "value"
    else if (expected === ", or end" && mark === "," && inside !== undefined) expected = inside === "{" ? "name" : "value"
    else if ((expected === ", or end" || expected === "name or }" || expected === "value or ]") && inside !== undefined && mark === close) {
      stack.pop()
      expected = ", or end"
    } else return wrong
  }
}
