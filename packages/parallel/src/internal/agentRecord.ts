/**
 * Writes agents' results as JSON so that a later run gets back what this one had, or says why it would not.
 *
 * `JSON.stringify` loses a Map, a Date or a cycle without a word. Here what would not come back the same is refused.
 */

/** Why a value would not come back from JSON as it is, with the place; `undefined` if it would. A property that is `undefined` may be missing afterwards. */
export const problemOf = (value: unknown): string | undefined => {
  try {
    return look(value, "", [])
  } catch {
    return "a property that cannot be read"
  }
}

const look = (value: unknown, at: string, around: ReadonlyArray<object>): string | undefined => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined
    case "number":
      return Number.isFinite(value) ? undefined : `${value}${place(at)}`
    case "undefined":
      return at === "" ? undefined : `undefined${place(at)}`
    case "object":
      return value === null ? undefined : inside(value, at, around)
    default:
      return `a ${typeof value}${place(at)}`
  }
}

const inside = (value: object, at: string, around: ReadonlyArray<object>): string | undefined => {
  if (around.includes(value)) return `itself${place(at)}`
  if (around.length >= 100) return `more than 100 levels${place(at)}`
  const path = [...around, value]
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const problem = look(value[i], `${at}[${i}]`, path)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto !== null && proto !== Object.prototype) return `a ${kindOf(proto)}${place(at)}`
  if ("toJSON" in value) return `an object with toJSON${place(at)}`
  if (Object.getOwnPropertySymbols(value).length > 0) return `a symbol as a key${place(at)}`
  for (const [key, property] of Object.entries(value)) {
    const problem = property === undefined ? undefined : look(property, `${at}.${key}`, path)
    if (problem !== undefined) return problem
  }
  return undefined
}

const kindOf = (proto: unknown): string => {
  const name: unknown = (proto as { readonly constructor?: { readonly name?: unknown } }).constructor?.name
  return typeof name === "string" && name !== "" ? name : "class instance"
}

const place = (at: string): string => (at === "" ? "" : ` at ${at.length > 60 ? `${at.slice(0, 57)}...` : at}`)

/** JSON with the keys of objects in order, so that equal inputs give equal texts. For values that `problemOf` accepts. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : part
  )

/** What makes a task the same in two runs: the id if one was given, the agent, the input, and how many like it came before. */
export const identityOf = (id: string | undefined, agent: string | undefined, input: unknown, nth: number): string =>
  canonical([id ?? null, agent ?? null, input ?? null, nth])

/** 53 bits of a text: cyrb53, by bryc, in the public domain. Not for secrets; an entry holds the text itself, and is compared with it. */
export const hashOf = (text: string): string => {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36)
}

/** The keys of a run begin with this; those of what runs inside one of its tasks begin with more of it. */
export const prefixOf = (outer: string | undefined, resume: string): string => `${outer ?? "agents/"}${encodeURIComponent(resume)}/`

/** The entry of a finished task. */
export const write = (identity: string, value: unknown): string => JSON.stringify({ task: identity, value })

/** The value of an entry; `undefined` if it is the entry of another task. Throws if it is no entry. */
export const read = (identity: string, text: string): { readonly value: unknown } | undefined => {
  const entry: unknown = JSON.parse(text)
  if (typeof entry !== "object" || entry === null || !("task" in entry)) throw new Error("an entry that is none of ours")
  return entry.task === identity ? { value: (entry as { readonly value?: unknown }).value } : undefined
}
