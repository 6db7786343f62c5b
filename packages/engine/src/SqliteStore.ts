/**
 * Keeps the jobs of an engine in a file of SQLite.
 *
 * A store lives in a `Scope` and owns one connection to its file. When the scope closes the connection is closed, and the lock of an engine that owns the store is free. Several processes may have the same file open: one engine at a
 * time owns it, the others read it and leave requests.
 *
 * **When to use**
 *
 * Use it for jobs that one machine runs. `JobStore.memory` is for tests, and for jobs that may be forgotten with the process.
 *
 * **Details**
 *
 * Three more files may lie beside `jobs.db`: `jobs.db-wal` and `jobs.db-shm` while somebody has it open, and until somebody opens it again after a crash, or where two closed it at the same moment; `jobs.db-owner`, which is empty and stays. Whoever owns the store holds a lock of the operating
 * system on the latter. It is free at the moment when the process ends, however that happens: a new owner has no time to wait for, and a machine that slept loses nothing.
 *
 * | the file | what happens |
 * | --- | --- |
 * | is not there, or empty | it is made; with `access: "read"` it fails with `Unavailable` |
 * | was written by an older version | it is brought up in one transaction; with `access: "read"` it fails with `Unavailable` |
 * | was written by a newer version | `Newer`, and not a byte is written |
 * | is something else, or damaged | `NotAStore`, and not a byte is written |
 *
 * Damage beyond the first pages is found when it is read.
 *
 * **Guarantees**
 *
 * - Ownership: the connection, the lock and the watching end with their scopes. Nothing stays open.
 * - Interruption: an `append` that is interrupted is kept as a whole or not at all.
 * - Failure: what failed has changed nothing. An owner that was taken over, because somebody removed the lock file, writes nothing more: its next `append` fails with `Fenced`.
 * - Order: appends, requests and reads of one handle run one at a time, in the order in which they were asked for.
 * - Bounds: what other processes write is noticed within about 100 milliseconds, by one question to SQLite in that time for all who watch, and none where nobody does.
 * - Cost: an append is one transaction. A run that is submitted, starts and ends within one batch is written once. The event loop stands still while SQLite works; `load` lets others have their turn after each 1,000 runs.
 *
 * **Gotchas**
 *
 * - A process that opens `jobs.db-owner` by itself and closes it, to copy or to hash it, gives up the lock that it holds: so it is with locks of POSIX systems. The same goes for `jobs.db`.
 * - The file needs memory that processes share, and locks that work: no network drives.
 * - To copy the file while it is in use, use `backup` of `SqliteClient`.
 *
 * **Example** (Keeping runs in a file)
 *
 * ```ts
 * import * as SqliteStore from "@skein/engine/SqliteStore"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* SqliteStore.make({ path: ":memory:" })
 *   const owner = yield* store.own
 *   yield* owner.append([{ type: "schedule", name: "nightly", state: { last: 3 } }])
 *   const { schedules } = yield* owner.load
 *   console.log(schedules) // => Map(1) { 'nightly' => { last: 3 } }
 *
 *   const second = yield* Effect.flip(store.own)
 *   console.log(second.message) // => job store ":memory:" is in use by another engine
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { steps } from "./internal/store/sqliteSchema.ts"
import * as sqliteStore from "./internal/store/sqliteStore.ts"
import type { JobStore, StoreError } from "./JobStore.ts"

/**
 * How a store is opened.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** A file, made if it is not there, or `:memory:`. */
  readonly path: string
  /**
   * Whether it may be changed. With `read` the file must be there, and nobody can own the store or leave a request by this handle.
   *
   * @default "write"
   */
  readonly access?: "write" | "read" | undefined
  /**
   * What a change that was kept survives: `normal` the death of the process, `full` also a loss of power.
   *
   * @default "normal"
   */
  readonly synchronous?: "normal" | "full" | undefined
  /**
   * How long a statement may wait for another process that writes.
   *
   * @default "10 seconds"
   */
  readonly busyTimeout?: Duration.Input | undefined
}

const where = "SqliteStore.make"

/**
 * Opens a store.
 *
 * @throws RangeError `SqliteStore.make: option must be …, got …`
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<JobStore, StoreError, Scope.Scope> => {
  Settings.known(where, options, ["path", "access", "synchronous", "busyTimeout"])
  const { access, busyTimeout, path, synchronous } = options
  // SQLite would read it as a URI, in which options of its own can stand.
  if (typeof path !== "string" || path === "" || path.includes("\0") || path.startsWith("file:")) {
    throw Settings.mustBe(where, "path", 'the name of a file, or ":memory:"', path)
  }
  const how = Settings.oneOf(where, "access", access, ["write", "read"])
  if (path === ":memory:" && how === "read") throw Settings.mustBe(where, "access", `"write" for a store in memory`, how)
  return sqliteStore.make({
    path,
    access: how,
    synchronous: Settings.oneOf(where, "synchronous", synchronous, ["normal", "full"]),
    busyMillis: busyTimeout === undefined ? 10_000 : Settings.millis(where, "busyTimeout", busyTimeout),
    steps
  })
}
