/** Opens the file and puts a client together. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Acquirer, Borrower, Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { DatabaseSync } from "node:sqlite"
import * as connection from "./connection.ts"
import * as copy from "./copy.ts"
import * as cursor from "./cursor.ts"
import * as failure from "./failure.ts"
import type { Read } from "./options.ts"
import { quirks } from "./quirks.ts"
import * as statements from "./statements.ts"
import * as wait from "./wait.ts"

/** What the client adds to Effect's. */
export interface Own {
  readonly backup: (path: string) => Effect.Effect<void, SqlError>
  readonly export: Effect.Effect<Uint8Array, SqlError>
}

interface Opened {
  readonly session: connection.Session
  /** Where a second connection finds the same data, and does not stand in the way of the first. */
  readonly aside: string | undefined
}

const open = Effect.fnUntraced(function* (options: Read): Effect.fn.Return<Opened, SqlError, Scope.Scope> {
  const { access, busyMillis, journal, path, synchronous } = options
  const db = yield* Effect.acquireRelease(
    Effect.try({
      try: () => new DatabaseSync(path, { readOnly: access === "read", timeout: wait.nativeWait }),
      catch: (cause) => failure.of(cause, "open", path)
    }),
    (db) => Effect.sync(() => db.close())
  )
  const ask = (sql: string): Effect.Effect<unknown, SqlError> =>
    wait.forLock(() => Object.values(db.prepare(sql).get() ?? {})[0], { operation: "open", what: `${sql} on ${path}`, busyMillis })
  // This reads the schema, before anything writes: a file that is no database fails here and stays as it is.
  let mode = yield* ask("PRAGMA journal_mode")
  if (access === "write" && mode !== "memory" && mode !== journal) {
    mode = yield* ask(`PRAGMA journal_mode = ${journal}`)
    if (mode !== journal) {
      return yield* Effect.fail(failure.unknown(`the journal cannot be ${journal}, it stays ${String(mode)}: ${path}`, "open"))
    }
  }
  yield* ask(`PRAGMA synchronous = ${synchronous}`)
  return {
    session: { db, statements: statements.make(db, quirks().keepsColumns ? 0 : options.cache), busyMillis, lost: undefined },
    aside: mode === "wal" ? (db.location() ?? undefined) : undefined
  }
})

export const make = Effect.fnUntraced(function* (options: Read): Effect.fn.Return<SqlClient.SqlClient & Own, SqlError, Scope.Scope> {
  const { aside, session } = yield* open(options)
  const { busyMillis, db } = session
  const shared = connection.make(session)
  const semaphore = Semaphore.makeUnsafe(1)
  const acquirers = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(shared),
    semaphore,
    isTransaction: () => db.isOpen && db.isTransaction
  })

  // What SQLite did to the transaction of one lease is no concern of the next.
  const renewed = <A>(value: A): A => {
    session.lost = undefined
    return value
  }
  const borrower: Borrower = (use) => acquirers.borrower((conn) => use(renewed(conn)))
  // The start of a transaction is uninterruptible, and may have to wait for another process. Here, where the connection is asked for, it can be seen whether who asks may be interrupted.
  const transactionAcquirer: Acquirer = Effect.uninterruptibleMask((restore) =>
    Effect.map(restore(acquirers.transactionAcquirer), () => renewed(connection.make(session, restore)))
  )
  // Only streams outside of transactions take this way. They hold no lease: a statement for each row of a stream would wait for the stream's end, which waits for the statement.
  const streaming: Connection = {
    ...shared,
    executeStream: (sql, params, transformRows) => {
      const allAtOnce = (): Effect.Effect<cursor.Rows, SqlError> => borrower((conn) => conn.execute(sql, params, undefined))
      return Stream.suspend(() =>
        aside === undefined || !db.isOpen
          ? Stream.unwrap(Effect.map(allAtOnce(), (rows) => Stream.fromArray(transformRows === undefined ? rows : transformRows(rows))))
          : cursor.stream(
              (bigints) => cursor.aside(aside, sql, params, bigints),
              (work) => wait.forLock(work, { operation: "execute", what: sql, busyMillis }),
              transformRows,
              allAtOnce
            )
      )
    }
  }

  const reactivity = yield* Effect.serviceOption(Reactivity.Reactivity)
  const { transformQueryNames, transformResultNames } = options
  const client = yield* SqlClient.make({
    acquirer: Effect.succeed(streaming),
    borrower,
    transactionAcquirer,
    isTransaction: acquirers.isTransaction,
    onCommitFailure: acquirers.onCommitFailure,
    compiler: Statement.makeCompilerSqlite(transformQueryNames),
    driver: "skein-sqlite",
    spanAttributes: [...options.spanAttributes, ["db.system.name", "sqlite"]],
    beginTransaction: options.access === "read" ? "BEGIN" : "BEGIN IMMEDIATE",
    prepareTransactionControls: true,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    ...(transformResultNames === undefined ? {} : { transformRows: Statement.defaultTransforms(transformResultNames).array })
  }).pipe(
    Option.isSome(reactivity)
      ? Effect.provideService(Reactivity.Reactivity, reactivity.value)
      : Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make)
  )

  // Closing the file waits for a copy that a thread is making.
  const copying = Semaphore.makeUnsafe(1)
  yield* Effect.addFinalizer(() => copying.withPermit(Effect.void))
  const copied = <A>(work: Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
    Effect.flatMap(Effect.serviceOption(client.transactionService), (transaction) => {
      if (Option.isSome(transaction)) {
        return Effect.fail(failure.unknown("a copy cannot be made inside a transaction, which it would wait for", "backup"))
      }
      // The snapshot is taken with our own wait for locks and held until the thread is done, which would ask for it without a bound.
      const snapshot = Effect.acquireRelease(shared.execute("BEGIN", [], undefined), () =>
        Effect.ignore(shared.execute("ROLLBACK", [], undefined))
      )
      return transactionAcquirer.pipe(
        Effect.andThen(snapshot),
        Effect.andThen(shared.execute("SELECT count(*) FROM sqlite_schema", [], undefined)),
        Effect.andThen(copying.withPermit(work)),
        Effect.scoped
      )
    })
  return Object.assign(client, {
    backup: (path: string) => copied(copy.toFile(db, path)),
    export: copied(copy.toBytes(db))
  })
})
