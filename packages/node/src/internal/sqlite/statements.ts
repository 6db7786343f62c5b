/** Prepares statements, keeps the latest used, and puts values into the forms that SQLite can hold. */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import * as failure from "./failure.ts"
import { quirks } from "./quirks.ts"

/** What a statement gives: rows as objects or as arrays, whole numbers as `number` or as `bigint`. */
export interface Form {
  readonly arrays: boolean
  readonly bigints: boolean
}

export interface Prepared {
  /** The statement, set to give rows of this form. */
  readonly as: (form: Form) => StatementSync
  /** Whether it can give rows at all. */
  readonly hasRows: () => boolean
}

export interface Statements {
  /** Throws what Node or SQLite throws, or a `SqlError`. */
  readonly get: (sql: string) => Prepared
}

// What SQLite reads as nothing. A text that goes on after its first statement would lose the rest without a word.
const nothing = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*(?:(?!\*\/)[^])*(?:\*\/|$))*$/

export const prepare = (db: DatabaseSync, sql: string): Prepared => {
  if (nothing.test(sql)) throw failure.syntax("no statement in it", sql)
  let statement: StatementSync
  try {
    statement = db.prepare(sql)
  } catch (cause) {
    // To prepare is to read the schema, which another process may have locked. That is for the caller's wait.
    if (failure.isBusy(cause)) throw cause
    throw failure.of(cause, "prepare", sql)
  }
  const read = statement.sourceSQL.length
  if (read < sql.length && !nothing.test(sql.slice(read))) {
    throw failure.syntax("more than one statement, and only the first would run", sql)
  }
  let now: Form = { arrays: false, bigints: false }
  let rows: boolean | undefined
  return {
    as: (form) => {
      if (form.arrays !== now.arrays) statement.setReturnArrays(form.arrays)
      if (form.bigints !== now.bigints) statement.setReadBigInts(form.bigints)
      now = form
      return statement
    },
    hasRows: () => (rows ??= statement.columns().length > 0)
  }
}

/** At most `bound` statements are kept; the one that was not used for the longest time goes first. */
export const make = (db: DatabaseSync, bound: number): Statements => {
  const kept = new Map<string, Prepared>()
  return {
    get: (sql) => {
      let found = kept.get(sql)
      if (found === undefined) {
        found = prepare(db, sql)
        if (kept.size >= bound) kept.delete(kept.keys().next().value ?? "")
      } else kept.delete(sql)
      if (bound > 0) kept.set(sql, found)
      return found
    }
  }
}

const asInput = (value: unknown): SQLInputValue | undefined => {
  switch (typeof value) {
    case "string":
      return quirks().cutsTexts && value.includes("\0") ? undefined : value
    case "bigint":
      return value
    case "number":
      // Node binds every number as a real one: in a text column 1 would become "1.0". NaN would become NULL.
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return BigInt(value)
      return Number.isNaN(value) ? undefined : value
    case "boolean":
      return value ? 1n : 0n
    case "undefined":
      return null
    case "object":
      if (value === null || ArrayBuffer.isView(value)) return value as SQLInputValue
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString()
      return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
    default:
      return undefined
  }
}

/** The values as SQLite takes them. Throws a `SqlError` for one that it has no form for. */
export const inputs = (sql: string, values: ReadonlyArray<unknown>): ReadonlyArray<SQLInputValue> =>
  values.map((value, index) => {
    const input = asInput(value)
    if (input !== undefined) return input
    const message = `parameter ${index + 1} must be a number, text, bytes, a boolean, a date or null, got ${shown(value)}: ${failure.shown(sql)}`
    throw failure.unknown(message, "bind")
  })

const shown = (value: unknown): string => {
  if (typeof value === "number") return "NaN"
  if (typeof value === "string") return "text with a NUL, which this version of Node would cut off there"
  if (value instanceof Date) return "an invalid Date"
  return typeof value === "object" && value !== null ? `an object of ${value.constructor?.name ?? "no class"}` : `a ${typeof value}`
}
