/**
 * Opens a SQLite database with what Node brings along, as a client of Effect's `effect/sql`.
 *
 * A client lives in a `Scope`. It owns one connection to the file, its prepared statements, and for each stream that is being read a second connection. When the scope closes, all of them are closed, and a transaction that was open is rolled back.
 *
 * The module holds `make`, `layer`, the `SqliteClient` with `backup` and `export`, and `codeOf`.
 *
 * **When to use**
 *
 * Use it for state that one machine keeps: a queue, a cache, results that outlive the process; several processes may share the file. Where several machines write, use a database server.
 *
 * **Details**
 *
 * It is a `SqlClient` as any other: statements, fragments, transactions, `Migrator`, `SqlModel`, `PersistedQueue` and the rest of Effect run on it.
 *
 * | value | is kept as |
 * | --- | --- |
 * | `number` | a whole number where it is one, up to 2^53, else a real one; `NaN` is refused, where SQLite would keep `NULL` |
 * | `bigint` | a whole number; refused beyond 64 bits |
 * | `boolean` | 1 or 0, and read as such |
 * | `Date` | text, as `toISOString` writes it |
 * | `Uint8Array`, other views, `ArrayBuffer` | bytes, read as `Uint8Array` |
 * | `null`, `undefined` | `NULL` |
 * | anything else | refused |
 *
 * Whole numbers are read as `number`. One that is not exact as such fails the statement; with Effect's `SqlClient.SafeIntegers` all whole numbers of a statement are read as `bigint`.
 *
 * | what SQLite says | reason of the `SqlError` |
 * | --- | --- |
 * | `SQLITE_CONSTRAINT` | `UniqueViolation` for unique columns and primary keys, else `ConstraintError` |
 * | `SQLITE_BUSY`, after `busyTimeout` | `LockTimeoutError` |
 * | `SQLITE_BUSY_SNAPSHOT`: somebody else has written since this transaction read | `SerializationError` |
 * | `SQLITE_READONLY`, `SQLITE_PERM`, `SQLITE_AUTH` | `AuthorizationError` |
 * | `SQLITE_CANTOPEN`, or the client is closed | `ConnectionError` |
 * | `SQLITE_ERROR` while a statement is prepared: its text, or a table or column that is not there | `SqlSyntaxError` |
 * | the rest: `SQLITE_FULL`, `SQLITE_CORRUPT`, `SQLITE_NOTADB`, `SQLITE_IOERR` | `UnknownError`; `codeOf` tells them apart |
 *
 * **Guarantees**
 *
 * - Ownership: connections and statements end with the scope. Closing waits for a `backup` that is being made, and for nothing else.
 * - Interruption: a statement runs in one piece. One that waits, for its turn or for another process, ends at once and has done nothing; the wait of a `COMMIT` is not cut short. An interrupted transaction is rolled back before the interruption is done.
 * - Failure: a statement that failed has changed nothing. If SQLite rolls a whole transaction back by itself, as it may when the disk is full, the rest of that transaction is refused, so that no half of it is committed.
 * - Order: statements and transactions run one at a time, in the order in which they were asked for.
 * - Bounds: while another process has the lock, a try holds up the event loop for 5 milliseconds at most; between tries 0.5 to 25 milliseconds pass in which everything else runs.
 * - Cost: a statement runs in this thread. The event loop stands still as long as SQLite needs for it.
 *
 * **Gotchas**
 *
 * - A text of several statements is refused: only the first of them would run. Run them one by one.
 * - A stream outside of a transaction reads a snapshot of the file on a connection of its own, so that statements may run for each of its rows. It does not see temporary tables that hide others, and as long as it is read the write-ahead log cannot be cut. Without a write-ahead log, in memory, and for statements that write, all rows are read at once.
 * - A statement on the client itself while its only connection was taken with `reserve` waits for ever, as with every pool of one.
 * - Foreign keys are checked. Other programs leave that off unless told.
 * - Node 22 reads a text up to its first NUL, so there such texts are refused when they are written. It gives old columns for statements that are used again after their table has changed, so there statements are not kept, and all is slower.
 * - A write-ahead log needs memory that processes share: not on network drives.
 *
 * **Example** (Keeping what must be there together)
 *
 * ```ts
 * import * as SqliteClient from "@skein/node/SqliteClient"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const sql = yield* SqliteClient.SqliteClient
 *   yield* sql`CREATE TABLE accounts (name TEXT PRIMARY KEY, cents INTEGER NOT NULL CHECK (cents >= 0))`
 *   yield* sql`INSERT INTO accounts ${sql.insert([{ name: "ann", cents: 100 }, { name: "bob", cents: 0 }])}`
 *   const move = (cents: number) => sql.withTransaction(Effect.andThen(
 *     sql`UPDATE accounts SET cents = cents + ${cents} WHERE name = 'bob'`,
 *     sql`UPDATE accounts SET cents = cents - ${cents} WHERE name = 'ann'`
 *   ))
 *   yield* move(30)
 *   const refused = yield* Effect.flip(move(80))
 *   console.log(refused.reason._tag) // => ConstraintError
 *   const rows = yield* sql<{ name: string; cents: number }>`SELECT * FROM accounts ORDER BY name`
 *   console.log(rows.map(({ cents, name }) => `${name} ${cents}`).join(", ")) // => ann 70, bob 30
 * })
 *
 * await Effect.runPromise(Effect.provide(program, SqliteClient.layer({ path: ":memory:" })))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as client from "./internal/sqlite/client.ts"
import * as failure from "./internal/sqlite/failure.ts"
import { type Options, read } from "./internal/sqlite/options.ts"

export type { Options } from "./internal/sqlite/options.ts"

/**
 * A client of one SQLite database.
 *
 * @category models
 * @since 0.1.0
 */
export interface SqliteClient extends SqlClient.SqlClient {
  /**
   * Writes a copy of the database, as it is at this moment, to a new file. The file is there when it is complete; one that was there before is not touched, and the copy fails.
   *
   * Other statements of this client wait until the copy is made, which takes a thread and not the event loop. It cannot be interrupted once it has begun.
   */
  readonly backup: (path: string) => Effect.Effect<void, SqlError>
  /** The bytes of such a copy: what a file of the database would hold. */
  readonly export: Effect.Effect<Uint8Array, SqlError>
  /** Not supported by SQLite's dialect. */
  readonly updateValues: never
}

/**
 * The service of a client, for what needs `backup` or `export`. All else asks for Effect's `SqlClient`.
 *
 * @category services
 * @since 0.1.0
 */
export const SqliteClient: Context.Service<SqliteClient, SqliteClient> = Context.Service<SqliteClient>("@skein/node/SqliteClient")

/**
 * Opens a database, and makes the file if it is not there. The `Reactivity` of the caller is used where there is one.
 *
 * **Example** (Telling failures apart)
 *
 * ```ts
 * import * as SqliteClient from "@skein/node/SqliteClient"
 * import * as Effect from "effect/Effect"
 *
 * const open = (path: string) => Effect.scoped(SqliteClient.make({ path, access: "read" }))
 *
 * const failed = Effect.flip(open("package.json"))
 * console.log(await Effect.runPromise(Effect.map(failed, SqliteClient.codeOf))) // => SQLITE_NOTADB
 * ```
 *
 * @throws RangeError `SqliteClient.make: option must be …, got …`
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<SqliteClient, SqlError, Scope.Scope> => open("SqliteClient.make", options)

/**
 * A layer with a client, as `SqliteClient` and as Effect's `SqlClient`.
 *
 * @throws RangeError `SqliteClient.layer: option must be …, got …`
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<SqliteClient | SqlClient.SqlClient, SqlError> =>
  Layer.effectContext(
    Effect.map(open("SqliteClient.layer", options), (client) =>
      Context.add(Context.make(SqliteClient, client), SqlClient.SqlClient, client)
    )
  )

// `updateValues` is in the type only to say that nobody may use it.
const open = (where: string, options: Options): Effect.Effect<SqliteClient, SqlError, Scope.Scope> =>
  client.make(read(where, options)) as Effect.Effect<SqliteClient, SqlError, Scope.Scope>

/**
 * SQLite's own word for a failure, such as `SQLITE_FULL`, `SQLITE_CORRUPT` or `SQLITE_NOTADB`; `undefined` for a failure that does not come from SQLite.
 *
 * @category errors
 * @since 0.1.0
 */
export const codeOf = (error: SqlError): string | undefined => failure.nameOf(error.reason.cause)
