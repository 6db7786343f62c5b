/**
 * Takes a store for one engine.
 *
 * Who owns it holds a lock of the operating system on a file beside it, by a transaction on an empty database that never ends. The system frees the lock with the process, however that ends: no heartbeat, no clock, and nobody waits for either. The
 * token stands behind it, for a lock file that somebody has removed.
 */
import * as SqliteClient from "@skein/node/SqliteClient"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { fileOf } from "./sqliteFile.ts"
import { StoreError } from "./storeError.ts"

/** Somebody who asks whether the store is owned holds the lock for a moment. */
const patience = "250 millis"

const isBusy = (error: SqlError): boolean => SqliteClient.codeOf(error) === "SQLITE_BUSY"

export const lockFile = (sql: SqliteClient.SqliteClient): Effect.Effect<string, SqlError> =>
  Effect.map(fileOf(sql), (file) => `${file}-owner`)

export const lock = (store: string, file: string): Effect.Effect<void, SqlError | StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const sql = yield* SqliteClient.make({ path: file, journal: "delete", busyTimeout: patience })
    const connection = yield* sql.reserve
    // Else there would be a journal, and it would stay when the process is killed.
    yield* connection.executeRaw("PRAGMA journal_mode = memory", [])
    yield* connection.executeRaw("BEGIN EXCLUSIVE", [])
  }).pipe(Effect.mapError((error) => (isSqlError(error) && isBusy(error) ? new StoreError({ store, reason: { _tag: "Owned" } }) : error)))

export const isLocked = (file: string): Effect.Effect<boolean, SqlError> =>
  Effect.scoped(SqliteClient.make({ path: file, access: "read", busyTimeout: 0 })).pipe(
    Effect.as(false),
    Effect.catch((error) => {
      if (isBusy(error)) return Effect.succeed(true)
      // Nobody has ever owned it.
      return SqliteClient.codeOf(error) === "SQLITE_CANTOPEN" ? Effect.succeed(false) : Effect.fail(error)
    })
  )

/** Increases the token. */
export const takeToken = (sql: SqliteClient.SqliteClient): Effect.Effect<number, SqlError> =>
  Effect.map(sql<{ value: number }>`UPDATE meta SET value = value + 1 WHERE name = 'token' RETURNING value`, (rows) => rows[0]!.value)
