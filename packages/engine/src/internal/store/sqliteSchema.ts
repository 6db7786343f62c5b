/** The tables of a store in SQLite, and how those of an older version become those of this one. */
import type { SqliteClient } from "@skein/node/SqliteClient"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"

/** Says in the header of the file whose it is: "skej" in ASCII. */
export const applicationId = 0x736b656a

/** The statements that make the tables of version `i + 1` out of those of version `i`. What was released is never changed: steps are added. */
export type Steps = ReadonlyArray<ReadonlyArray<string>>

/**
 * A run is two rows with one number: `runs` is written once, `progress` whenever it goes on, so that a large description is not written again each time. What changes often is in no index; the index of those that have not
 * ended is left when they end, and the one of the ends is entered then.
 */
export const steps: Steps = [
  [
    `CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
    `INSERT INTO meta VALUES ('token', 0)`,
    `CREATE TABLE runs (
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, job TEXT NOT NULL, key TEXT, labels TEXT NOT NULL, upstream TEXT NOT NULL,
      rerun_of TEXT, created_at REAL NOT NULL, submitted_at REAL NOT NULL, description TEXT NOT NULL
    ) STRICT`,
    `CREATE INDEX runs_name ON runs (name)`,
    `CREATE INDEX runs_key ON runs (key) WHERE key IS NOT NULL`,
    `CREATE INDEX runs_submitted ON runs (submitted_at)`,
    `CREATE TABLE progress (
      seq INTEGER PRIMARY KEY, state TEXT NOT NULL, attempts INTEGER NOT NULL, started_at REAL, ended_at REAL, attempt_causes TEXT NOT NULL, ending TEXT
    ) STRICT`,
    `CREATE INDEX progress_active ON progress (seq) WHERE ended_at IS NULL`,
    `CREATE INDEX progress_state ON progress (state) WHERE ended_at IS NOT NULL`,
    `CREATE INDEX progress_ended ON progress (ended_at) WHERE ended_at IS NOT NULL`,
    `CREATE TABLE labels (name TEXT, value TEXT, seq INTEGER, PRIMARY KEY (name, value, seq)) STRICT, WITHOUT ROWID`,
    `CREATE TABLE requests (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, request TEXT NOT NULL, refusal TEXT) STRICT`,
    `CREATE TABLE schedules (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID`
  ]
]

/** Whose file it is, and of which version. */
export interface Mark {
  readonly application: number
  readonly version: number
  readonly tables: number
}

export const read = (sql: SqliteClient): Effect.Effect<Mark, SqlError> =>
  Effect.map(
    sql<Mark>`SELECT application_id AS application, user_version AS version, (SELECT count(*) FROM sqlite_schema) AS tables FROM pragma_application_id, pragma_user_version`,
    (rows) => rows[0]!
  )

/** Takes the file to the latest version. To be called in a transaction, with the version that was read in it. */
export const migrate = (sql: SqliteClient, from: number, to: Steps): Effect.Effect<void, SqlError> => {
  const statements = to.slice(from).flat()
  if (statements.length === 0) return Effect.void
  const marks = [`PRAGMA application_id = ${applicationId}`, `PRAGMA user_version = ${to.length}`]
  return Effect.forEach([...statements, ...marks], (statement) => sql.unsafe(statement), { discard: true })
}
