/** Says in Effect's words what SQLite, or Node on its behalf, has thrown. */
import * as SqlError from "effect/sql/SqlError"

/** What Node throws for SQLite: the extended result code is in `errcode`. Its own checks carry a `code` and no `errcode`. */
interface NativeError {
  readonly message: string
  readonly code?: string | undefined
  readonly errcode?: number | undefined
}

const codes: Readonly<Record<number, string>> = {
  1: "SQLITE_ERROR",
  3: "SQLITE_PERM",
  4: "SQLITE_ABORT",
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  7: "SQLITE_NOMEM",
  8: "SQLITE_READONLY",
  9: "SQLITE_INTERRUPT",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  12: "SQLITE_NOTFOUND",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  15: "SQLITE_PROTOCOL",
  17: "SQLITE_SCHEMA",
  18: "SQLITE_TOOBIG",
  19: "SQLITE_CONSTRAINT",
  20: "SQLITE_MISMATCH",
  21: "SQLITE_MISUSE",
  22: "SQLITE_NOLFS",
  23: "SQLITE_AUTH",
  25: "SQLITE_RANGE",
  26: "SQLITE_NOTADB"
}

/** A statement failed by itself: its text, or what it names. */
export const error = 1
/** Somebody else has written since this transaction read. */
export const busySnapshot = 517
const uniques: ReadonlySet<number> = new Set([1555, 2067, 2579])

export const errcodeOf = (cause: unknown): number | undefined => {
  const code = (cause as Partial<NativeError> | null | undefined)?.errcode
  return typeof code === "number" ? code : undefined
}

/** SQLite's name of the primary result code. */
export const nameOf = (cause: unknown): string | undefined => codes[(errcodeOf(cause) ?? -1) & 0xff]

/** Another connection has the lock: waiting may help. `SQLITE_LOCKED` is a quarrel within this connection, where waiting never helps. */
export const isBusy = (cause: unknown): boolean => nameOf(cause) === "SQLITE_BUSY"

const longest = 300

/** A statement on one line, cut to a length that fits a message. */
export const shown = (sql: string): string => {
  const line = sql.replace(/\s+/g, " ").trim()
  return line.length > longest ? `${line.slice(0, longest)}…` : line
}

/** `operation` says at what it was: errors in the text of a statement come while it is prepared. */
export type Operation = "open" | "prepare" | "bind" | "execute" | "backup"

const messageOf = (cause: unknown, what: string, waited?: string): string => {
  const { code, message } = cause as NativeError
  const name = nameOf(cause)
  const shownCode = name === undefined ? (code === undefined ? "" : ` [${code}]`) : ` [${name} ${errcodeOf(cause)}]`
  return `${message}${waited === undefined ? "" : ` ${waited}`}${shownCode}: ${shown(what)}`
}

const reasonOf = (cause: unknown, operation: Operation, message: string): SqlError.SqlErrorReason => {
  const fields = { cause, operation, message }
  const code = errcodeOf(cause)
  if (code === undefined) {
    return operation === "prepare" ? new SqlError.SqlSyntaxError(fields) : new SqlError.UnknownError(fields)
  }
  if (code === busySnapshot) return new SqlError.SerializationError(fields)
  if (uniques.has(code)) return new SqlError.UniqueViolation({ ...fields, constraint: constraintOf(cause) })
  switch (nameOf(cause)) {
    case "SQLITE_BUSY":
    case "SQLITE_LOCKED":
      return new SqlError.LockTimeoutError(fields)
    case "SQLITE_CONSTRAINT":
    case "SQLITE_MISMATCH":
      return new SqlError.ConstraintError(fields)
    case "SQLITE_PERM":
    case "SQLITE_READONLY":
    case "SQLITE_AUTH":
      return new SqlError.AuthorizationError(fields)
    case "SQLITE_CANTOPEN":
      return new SqlError.ConnectionError(fields)
    case "SQLITE_RANGE":
      return new SqlError.SqlSyntaxError(fields)
    case "SQLITE_ERROR":
      return operation === "prepare" ? new SqlError.SqlSyntaxError(fields) : new SqlError.UnknownError(fields)
    default:
      return new SqlError.UnknownError(fields)
  }
}

const constraintOf = (cause: unknown): string => {
  const [, columns] = (cause as NativeError).message.split("constraint failed: ")
  return columns === undefined || columns === "" ? "unknown" : columns
}

/** The failure for what was thrown. `what` is the statement, or the path of a file. */
export const of = (cause: unknown, operation: Operation, what: string, waited?: string): SqlError.SqlError =>
  new SqlError.SqlError({ reason: reasonOf(cause, operation, messageOf(cause, what, waited)) })

/** A failure that SQLite knows nothing of. */
export const unknown = (message: string, operation: Operation, cause: unknown = new Error(message)): SqlError.SqlError =>
  new SqlError.SqlError({ reason: new SqlError.UnknownError({ message, operation, cause }) })

/** Nothing can be asked any more. */
export const closed = (what: string): SqlError.SqlError => {
  const message = `the client is closed: ${shown(what)}`
  return new SqlError.SqlError({ reason: new SqlError.ConnectionError({ message, operation: "execute", cause: new Error(message) }) })
}

/** A text that no statement can be made of. */
export const syntax = (message: string, sql: string): SqlError.SqlError => {
  const full = `${message}: ${shown(sql)}`
  return new SqlError.SqlError({ reason: new SqlError.SqlSyntaxError({ message: full, operation: "prepare", cause: new Error(full) }) })
}
