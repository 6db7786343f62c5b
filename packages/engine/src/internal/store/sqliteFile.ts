/** Opens the file of a store, once it is known to be one: a file that is something else, or newer, is not written to by a single byte. */
import * as SqliteClient from "@skein/node/SqliteClient"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import * as schema from "./sqliteSchema.ts"
import { StoreError, unavailable } from "./storeError.ts"
import { wholly } from "./wholly.ts"

export interface Settings {
  readonly path: string
  readonly access: "write" | "read"
  readonly synchronous: "normal" | "full"
  readonly busyMillis: number
  /** Those of this version, but in tests. */
  readonly steps: schema.Steps
}

export const inMemory = ":memory:"

/** SQLite reads such a name as a URI, in which options can stand. */
const uri = (path: string, option: string): string =>
  `file:${path.startsWith("/") ? "//" : ""}${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}?${option}`

export const errorOf =
  (store: string) =>
  (error: SqlError | StoreError): StoreError => {
    if (error._tag === "StoreError") return error
    switch (SqliteClient.codeOf(error)) {
      case "SQLITE_FULL":
        return new StoreError({ store, reason: { _tag: "Full" } })
      case "SQLITE_NOTADB":
        return new StoreError({ store, reason: { _tag: "NotAStore", detail: "it is no database of SQLite" } })
      case "SQLITE_CORRUPT":
        return new StoreError({ store, reason: { _tag: "NotAStore", detail: "it is damaged" } })
      default:
        return unavailable(store, error)
    }
  }

/** What is there, without a lock, without shared memory, and without the write-ahead log that would bring these about. */
const peek = <A>(
  path: string,
  read: (sql: SqliteClient.SqliteClient) => Effect.Effect<A, SqlError>
): Effect.Effect<A | undefined, SqlError> =>
  Effect.scoped(Effect.flatMap(SqliteClient.make({ path: uri(path, "immutable=1"), access: "read" }), read)).pipe(
    Effect.catch((error) => (SqliteClient.codeOf(error) === "SQLITE_CANTOPEN" ? Effect.succeed(undefined) : Effect.fail(error)))
  )

/** The file that a path leads to: one store may have several names, and what lies beside it goes by this one. */
export const fileOf = (sql: SqliteClient.SqliteClient): Effect.Effect<string, SqlError> =>
  Effect.map(sql<{ file: string }>`SELECT file FROM pragma_database_list WHERE name = 'main'`, (rows) => rows[0]!.file)

const hasLog = (path: string): Effect.Effect<boolean> =>
  peek(path, fileOf).pipe(
    // What cannot be read without its log cannot say its name either.
    Effect.orElseSucceed(() => path),
    Effect.flatMap((file) => peek(`${file ?? path}-wal`, () => Effect.succeed(true))),
    Effect.match({ onSuccess: (isThere) => isThere === true, onFailure: () => true })
  )

/** With its write-ahead log, which is there already. */
const look = (path: string, busyMillis: number): Effect.Effect<schema.Mark, SqlError> =>
  Effect.scoped(Effect.flatMap(SqliteClient.make({ path, access: "read", busyTimeout: busyMillis }), schema.read))

/** Fails unless it is a store that this version knows, or nothing yet. */
const known = (store: string, mark: schema.Mark, steps: schema.Steps): Effect.Effect<void, StoreError> => {
  const { application, tables, version } = mark
  if (application === 0 && tables === 0) return Effect.void
  if (application !== schema.applicationId) {
    const detail = "it is a SQLite database of another program"
    return Effect.fail(new StoreError({ store, reason: { _tag: "NotAStore", detail } }))
  }
  if (version <= steps.length) return Effect.void
  return Effect.fail(new StoreError({ store, reason: { _tag: "Newer", version, known: steps.length } }))
}

/**
 * A write-ahead log that is there belongs to what is kept: after a crash the file alone may look damaged, or empty. Without one the file says all.
 */
const check = Effect.fnUntraced(function* (settings: Settings): Effect.fn.Return<void, SqlError | StoreError> {
  const { access, busyMillis, path, steps } = settings
  const mark = (yield* hasLog(path)) ? yield* look(path, busyMillis) : yield* peek(path, schema.read)
  if (mark !== undefined) yield* known(path, mark, steps)
  if (access === "write") return
  if (mark === undefined) return yield* Effect.fail(unavailable(path, new Error("there is no such file, or it may not be opened")))
  const before = mark.application === 0 ? "is empty" : mark.version < steps.length ? `has the older version ${mark.version}` : undefined
  if (before !== undefined) {
    return yield* Effect.fail(unavailable(path, new Error(`it ${before}: open it for writing once`)))
  }
})

/** Opens it, makes its tables, and brings those of an older version up. */
export const open = (settings: Settings): Effect.Effect<SqliteClient.SqliteClient, StoreError, Scope.Scope> =>
  wholly(
    Effect.gen(function* () {
      const { access, busyMillis, path, steps, synchronous } = settings
      const options = { synchronous, busyTimeout: busyMillis }
      if (path !== inMemory) yield* check(settings)
      // A reader is a writer that writes nothing: the last of all that leaves takes the write-ahead log away, which SQLite lets no reader do.
      const sql = yield* SqliteClient.make({ ...options, path: access === "read" ? uri(path, "mode=rw") : path })
      if (access === "read") {
        yield* sql`PRAGMA query_only = 1`
        return sql
      }
      yield* sql.withTransaction(
        Effect.gen(function* () {
          // Another process may have made it, or brought it up, since it was looked at.
          const mark = yield* schema.read(sql)
          yield* known(path, mark, steps)
          yield* schema.migrate(sql, mark.version, steps)
        })
      )
      return sql
    })
  ).pipe(Effect.mapError(errorOf(settings.path)))
