/** The one connection of a client, as Effect's `Connection` over Node's synchronous one. Whoever uses it holds the lease. */
import * as Effect from "effect/Effect"
import { SafeIntegers } from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import type { DatabaseSync } from "node:sqlite"
import * as cursor from "./cursor.ts"
import * as failure from "./failure.ts"
import * as statements from "./statements.ts"
import * as wait from "./wait.ts"

type TransformRows = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

/** One connection to the file, with what was learnt of it. */
export interface Session {
  readonly db: DatabaseSync
  readonly statements: statements.Statements
  readonly busyMillis: number
  /** Set when SQLite has rolled a transaction back by itself, until the lease that it happened in ends. */
  lost: SqlError | undefined
}

/** What starts a transaction or ends it as a whole; not the way back to a savepoint. */
const begins = /^\s*(?:begin|rollback(?!\s+(?:transaction\s+)?to\b))\b/i

/**
 * Runs `work` in one piece. A disk that is full, say, makes SQLite roll the whole transaction back: what follows in it would then be committed statement by statement, so it is refused.
 */
const piece = <A>(session: Session, sql: string, work: () => A, restore?: wait.Restore): Effect.Effect<A, SqlError> =>
  Effect.suspend(() => {
    const { busyMillis, db } = session
    if (!db.isOpen) return Effect.fail(failure.closed(sql))
    if (session.lost !== undefined) {
      if (!begins.test(sql)) return Effect.fail(session.lost)
      session.lost = undefined
    }
    const inTransaction = db.isTransaction
    const guarded = (): A => {
      try {
        // The client may have been closed while a statement waited.
        if (!db.isOpen) throw failure.closed(sql)
        return work()
      } catch (cause) {
        if (inTransaction && db.isOpen && !db.isTransaction && !begins.test(sql)) {
          const message = `the transaction is gone, SQLite rolled it back by itself at: ${(cause as Error).message}`
          session.lost = failure.unknown(message, "execute", cause)
        }
        throw cause
      }
    }
    return wait.forLock(guarded, {
      operation: "execute",
      what: sql,
      busyMillis,
      // Only a BEGIN: the wait of a COMMIT must not be cut short.
      restore: inTransaction || !begins.test(sql) ? undefined : restore,
      // Within a transaction an outdated snapshot stays outdated.
      mayTryAgain: (cause) => db.isTransaction === inTransaction && !(inTransaction && failure.errcodeOf(cause) === failure.busySnapshot)
    })
  })

/** `restore` gives the wait for a transaction's start the interruptibility of who asked for the transaction. */
export const make = (session: Session, restore?: wait.Restore): Connection => {
  const { db } = session
  const run = (
    sql: string,
    params: ReadonlyArray<unknown>,
    get: (sql: string) => statements.Prepared,
    use: (prepared: statements.Prepared, form: statements.Form, values: ReturnType<typeof statements.inputs>) => unknown,
    arrays: boolean
  ): Effect.Effect<ReadonlyArray<any>, SqlError> =>
    Effect.withFiber((fiber) => {
      const form = { arrays, bigints: fiber.getRef(SafeIntegers) }
      const work = (): unknown => {
        const prepared = get(sql)
        const values = statements.inputs(sql, params)
        try {
          return use(prepared, form, values)
        } catch (cause) {
          // A statement that was kept may name a table that has gone since. To prepare it anew says so.
          if (failure.errcodeOf(cause) === failure.error) statements.prepare(db, sql)
          throw cause
        }
      }
      return piece(session, sql, work, restore) as Effect.Effect<ReadonlyArray<any>, SqlError>
    })
  const kept = session.statements.get
  const fresh = (sql: string): statements.Prepared => statements.prepare(db, sql)
  const transformed = (
    rows: Effect.Effect<ReadonlyArray<any>, SqlError>,
    transformRows: TransformRows
  ): Effect.Effect<ReadonlyArray<any>, SqlError> => (transformRows === undefined ? rows : Effect.map(rows, transformRows))

  return {
    execute: (sql, params, transformRows) => transformed(run(sql, params, kept, all, false), transformRows),
    executeRaw: (sql, params) => run(sql, params, kept, raw, false),
    executeValues: (sql, params) => run(sql, params, kept, all, true),
    executeUnprepared: (sql, params, transformRows) => transformed(run(sql, params, fresh, all, false), transformRows),
    executeValuesUnprepared: (sql, params) => run(sql, params, fresh, all, true),
    executeStream: (sql, params, transformRows) =>
      cursor.stream(
        (bigints) => cursor.make(db, sql, params, bigints),
        (work) => piece(session, sql, work),
        transformRows
      )
  }
}

const all = (prepared: statements.Prepared, form: statements.Form, values: ReturnType<typeof statements.inputs>): unknown =>
  prepared.as(form).all(...values)

/** Rows where the statement can give any, else how many it changed. */
const raw = (prepared: statements.Prepared, form: statements.Form, values: ReturnType<typeof statements.inputs>): unknown =>
  prepared.hasRows() ? prepared.as(form).all(...values) : prepared.as(form).run(...values)
