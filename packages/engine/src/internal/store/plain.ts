/** Tells what is JSON, and puts into words what is not. */
import type { Json } from "../../JobStore.ts"

/** Whether it comes back from JSON as it is, but for fields that are `undefined`, which are left out. */
export const isJson = (value: unknown, path: Set<object> = new Set()): value is Json => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true
    case "number":
      return Number.isFinite(value)
    case "object":
      break
    default:
      return false
  }
  if (value === null) return true
  // As deep as JSON.stringify goes without a doubt.
  if (path.has(value) || path.size >= 1_000) return false
  path.add(value)
  const is = Array.isArray(value)
    ? // A gap would become null.
      Array.from(value as ReadonlyArray<unknown>).every((item) => isJson(item, path))
    : isPlain(value) && Object.values(value).every((field) => field === undefined || isJson(field, path))
  path.delete(value)
  return is
}

const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** As `Outcome.formatReason` would say it. What a user gave may be anything, also something whose `toString` throws. */
export const wordsFor = (value: unknown): string => {
  try {
    return value instanceof Error ? `${value.name}: ${value.message}` : String(value)
  } catch {
    return "a value that cannot be shown"
  }
}

/** The value itself where it is JSON, else words for it. */
export const jsonOrWords = (value: unknown): Json => {
  try {
    return isJson(value) ? value : wordsFor(value)
  } catch {
    // A getter or a proxy threw.
    return wordsFor(value)
  }
}

export type JsonObject = { readonly [key: string]: Json }

export const objectOf = (json: Json | undefined, what: string): JsonObject => {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as JsonObject
  throw new TypeError(`${what} must be an object, got ${JSON.stringify(json)}`)
}

export const listOf = (json: Json | undefined, what: string): ReadonlyArray<Json> => {
  if (Array.isArray(json)) return json as ReadonlyArray<Json>
  throw new TypeError(`${what} must be a list, got ${JSON.stringify(json)}`)
}

export const textOf = (json: Json | undefined, what: string): string => {
  if (typeof json === "string") return json
  throw new TypeError(`${what} must be a text, got ${JSON.stringify(json)}`)
}

export const numberOf = (json: Json | undefined, what: string): number => {
  if (typeof json === "number") return json
  throw new TypeError(`${what} must be a number, got ${JSON.stringify(json)}`)
}

export const wordOf = <const W extends string>(json: Json | undefined, what: string, words: ReadonlyArray<W>): W => {
  if (words.includes(json as W)) return json as W
  throw new TypeError(`${what} must be one of ${words.join(", ")}, got ${JSON.stringify(json)}`)
}

/** Fields that are there. */
export const present = (fields: { readonly [key: string]: Json | undefined }): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined)) as JsonObject
