/** Reads the rows of a statement page by page, for streams. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { SafeIntegers } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import { DatabaseSync } from "node:sqlite"
import * as statements from "./statements.ts"
import * as wait from "./wait.ts"

export type Rows = ReadonlyArray<any>

/** How many rows are read before the event loop gets a turn. */
const pageSize = 128

export interface Cursor {
  /** Up to a page of rows, none at the end. Throws what SQLite throws; a page that was not read can be asked for again. */
  readonly next: () => Rows
  readonly close: () => void
}

/** A cursor with a statement of its own: to run a kept one a second time would end the first. */
export const make = (db: DatabaseSync, sql: string, params: ReadonlyArray<unknown>, bigints: boolean): Cursor => {
  let iterator: Iterator<unknown> | undefined
  let started = false
  const open = (): Iterator<unknown> => {
    const statement = statements.prepare(db, sql).as({ arrays: false, bigints })
    return statement.iterate(...statements.inputs(sql, params)) as Iterator<unknown>
  }
  return {
    next: () => {
      // Locks are met at the first row. Then the statement has to start anew.
      if (!started) iterator = open()
      const page: Array<unknown> = []
      while (iterator !== undefined && page.length < pageSize) {
        const { done, value } = iterator.next()
        started = true
        if (done === true) iterator = undefined
        else page.push(value)
      }
      return page
    },
    close: () => {
      try {
        // A statement that is not reset keeps its snapshot of the file.
        iterator?.return?.()
      } catch {
        // The connection was closed before, and the statement with it.
      }
      iterator = undefined
    }
  }
}

/** A cursor on a connection of its own, for the time that it is read. */
export const aside = (path: string, sql: string, params: ReadonlyArray<unknown>, bigints: boolean): Cursor => {
  let db: DatabaseSync | undefined
  let cursor: Cursor | undefined
  return {
    next: () => {
      db ??= new DatabaseSync(path, { readOnly: true, timeout: wait.nativeWait })
      cursor ??= make(db, sql, params, bigints)
      return cursor.next()
    },
    close: () => {
      cursor?.close()
      db?.close()
      db = undefined
    }
  }
}

/** A cursor's pages as a stream. `piece` runs a read and waits for locks. `instead` gives all rows at once where the first page cannot be read. */
export const stream = (
  open: (bigints: boolean) => Cursor,
  piece: (work: () => Rows) => Effect.Effect<Rows, SqlError>,
  transformRows: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined,
  instead?: (() => Effect.Effect<Rows, SqlError>) | undefined
): Stream.Stream<any, SqlError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const bigints = yield* SafeIntegers
      const cursor = yield* Effect.acquireRelease(
        Effect.sync(() => open(bigints)),
        ({ close }) => Effect.sync(close)
      )
      let state: "first" | "further" | "over" = "first"
      const page = (): Effect.Effect<Rows, SqlError> => {
        const read = piece(cursor.next)
        if (state === "further") return Effect.andThen(Effect.yieldNow, read)
        if (instead === undefined) return read
        return Effect.catch(read, () => {
          cursor.close()
          state = "over"
          return instead()
        })
      }
      const pull = Effect.suspend(() =>
        state === "over"
          ? Cause.done()
          : Effect.flatMap(page(), (rows) => {
              if (state === "first") state = "further"
              if (rows.length === 0) return Cause.done()
              return Effect.succeed((transformRows === undefined ? rows : transformRows(rows)) as readonly [any, ...Array<any>])
            })
      )
      return Stream.fromPull(Effect.succeed(pull))
    })
  )
