/** A store in a file of SQLite, put together. */
import type { SqliteClient } from "@skein/node/SqliteClient"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import type { Changed, JobStore, Json, Loaded, Owner, Request, StoredChange, StoredRequest, StoredRun } from "../../JobStore.ts"
import { fold } from "./batch.ts"
import * as query from "./query.ts"
import { textOf } from "./rows.ts"
import * as appending from "./sqliteAppend.ts"
import * as file from "./sqliteFile.ts"
import * as owner from "./sqliteOwner.ts"
import * as reading from "./sqliteQuery.ts"
import { Watch } from "./sqliteWatch.ts"
import { StoreError, unavailable } from "./storeError.ts"
import { wholly } from "./wholly.ts"

/** How many runs are read before others have their turn. */
const pageSize = 1_000

export const make = Effect.fnUntraced(function* (settings: file.Settings): Effect.fn.Return<JobStore, StoreError, Scope.Scope> {
  return yield* over(settings, yield* file.open(settings))
})

/** A store on a client that is open. */
export const over = (settings: file.Settings, sql: SqliteClient): Effect.Effect<JobStore, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => new SqliteStore(settings, sql, scope))

class SqliteStore implements JobStore {
  readonly name: string
  private readonly settings: file.Settings
  private readonly sql: SqliteClient
  private readonly watching: Watch
  /** In memory nobody else can have it. */
  private owned = false

  constructor(settings: file.Settings, sql: SqliteClient, scope: Scope.Scope) {
    this.name = settings.path
    this.settings = settings
    this.sql = sql
    this.watching = new Watch(sql, scope)
  }

  private failing<A, R>(effect: Effect.Effect<A, SqlError | StoreError, R>): Effect.Effect<A, StoreError, R> {
    return Effect.mapError(effect, file.errorOf(this.name))
  }

  private refused(reason: "Owned" | "Fenced"): StoreError {
    return new StoreError({ store: this.name, reason: { _tag: reason } })
  }

  private rows([text, params]: appending.Bound): Effect.Effect<ReadonlyArray<object>, SqlError> {
    return this.sql.unsafe<object>(text, params)
  }

  private readonly writable: Effect.Effect<void, StoreError> = Effect.suspend(() =>
    this.settings.access === "write" ? Effect.void : Effect.fail(unavailable(this.name, new Error("it was opened for reading")))
  )

  /** What was written is told, also where who wrote it is interrupted meanwhile. */
  private telling<A>(changed: Changed, write: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> {
    return Effect.uninterruptibleMask((restore) => Effect.tap(restore(write), () => this.watching.listeners.tell(changed)))
  }

  /** Rows as what they stand for. They were written as JSON, so one that is none was damaged since. */
  private decoded<Row, A>(
    rows: Effect.Effect<ReadonlyArray<Row>, SqlError>,
    decode: (rows: ReadonlyArray<Row>) => A
  ): Effect.Effect<A, StoreError> {
    return this.failing(
      Effect.flatMap(rows, (rows) =>
        Effect.try({
          try: () => decode(rows),
          catch: (error) => {
            const detail = `it is damaged: ${error instanceof Error ? error.message : String(error)}`
            return new StoreError({ store: this.name, reason: { _tag: "NotAStore", detail } })
          }
        })
      )
    )
  }

  readonly own: JobStore["own"] = Effect.suspend(() => {
    const inMemory = this.settings.path === file.inMemory
    const lock = inMemory
      ? Effect.acquireRelease(
          Effect.suspend(() => {
            if (this.owned) return Effect.fail(this.refused("Owned"))
            this.owned = true
            return Effect.void
          }),
          () => Effect.sync(() => void (this.owned = false))
        )
      : Effect.flatMap(owner.lockFile(this.sql), (path) => owner.lock(this.name, path))
    return this.writable.pipe(
      Effect.andThen(lock),
      Effect.andThen(owner.takeToken(this.sql)),
      Effect.flatMap((token) =>
        Effect.map(
          Effect.acquireRelease(
            Effect.sync(() => ({ over: false })),
            (life) => Effect.sync(() => void (life.over = true))
          ),
          (life): Owner => ({
            token,
            load: this.load,
            append: (changes) => (life.over ? Effect.fail(this.refused("Fenced")) : this.append(token, changes))
          })
        )
      ),
      wholly,
      (effect) => this.failing(effect)
    )
  })

  readonly isOwned: JobStore["isOwned"] = Effect.suspend(() =>
    this.settings.path === file.inMemory
      ? Effect.succeed(this.owned)
      : this.failing(Effect.flatMap(owner.lockFile(this.sql), owner.isLocked))
  )

  private readonly load: Effect.Effect<Loaded, StoreError> = Effect.suspend(() => {
    const runs: Array<StoredRun> = []
    const loadAfter = (seq: number): Effect.Effect<void, StoreError> =>
      Effect.flatMap(
        this.decoded(this.rows(reading.page(seq, pageSize)), (rows) => {
          for (const row of rows) runs.push(reading.runOf(row))
          return rows.length < pageSize ? undefined : reading.seqOf(rows.at(-1)!)
        }),
        (last) => (last === undefined ? Effect.void : Effect.andThen(Effect.yieldNow, loadAfter(last)))
      )
    const schedules = this.sql<{ name: string; state: string }>`SELECT name, state FROM schedules`
    return Effect.andThen(
      loadAfter(-1),
      this.decoded(schedules, (rows): Loaded => ({
        runs,
        schedules: new Map(rows.map(({ name, state }) => [name, JSON.parse(state) as Json]))
      }))
    )
  })

  private append(token: number, changes: ReadonlyArray<StoredChange>): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      if (changes.length === 0) return Effect.void
      let batch: ReturnType<typeof fold>
      try {
        batch = fold(changes)
      } catch (error) {
        return Effect.fail(unavailable(this.name, error))
      }
      const write = Effect.flatMap(Effect.service(this.sql.transactionService), ([connection]) =>
        Effect.flatMap(connection.execute(appending.standing, [], undefined), ([now]): Effect.Effect<void, SqlError | StoreError> => {
          const { last, token: current } = now as { readonly token: number; readonly last: number | null }
          if (current !== token) return Effect.fail(this.refused("Fenced"))
          return runAll(connection, appending.statements(batch, last ?? 0))
        })
      )
      return this.telling("runs", this.failing(this.sql.withTransaction(write as Effect.Effect<void, SqlError | StoreError>)))
    })
  }

  readonly get: JobStore["get"] = (id) =>
    this.decoded(this.rows(reading.byId(id)), ([row]) => (row === undefined ? Option.none() : Option.some(reading.runOf(row))))

  readonly list: JobStore["list"] = (asked = {}) =>
    Effect.suspend(() => this.decoded(this.rows(reading.list(query.read(asked))), (rows) => rows.map(reading.runOf).reverse()))

  readonly request: JobStore["request"] = (request) =>
    Effect.andThen(
      this.writable,
      Effect.flatMap(Clock.currentTimeMillis, (at) => {
        const insert = this.sql<{ number: number }>`INSERT INTO requests (at, request) VALUES (${at}, ${textOf(request)}) RETURNING number`
        return this.telling("requests", this.failing(Effect.map(insert, (rows) => rows[0]!.number)))
      })
    )

  readonly requests: JobStore["requests"] = Effect.suspend(() =>
    this.decoded(
      this.sql<{ number: number; at: number; request: string; refusal: string | null }>`SELECT * FROM requests ORDER BY number`,
      (rows) =>
        rows.map(({ at, number, refusal, request }): StoredRequest => ({
          number,
          at,
          request: parsed(request),
          refusal: refusal ?? undefined
        }))
    )
  )

  readonly watch: JobStore["watch"] = (listener) =>
    this.settings.path === file.inMemory ? this.watching.listeners.add(listener) : this.failing(this.watching.add(listener))
}

/** What was written by others may be anything. Nothing is what an engine refuses. */
const parsed = (text: string): Request => {
  try {
    return JSON.parse(text) as Request
  } catch {
    return null as never
  }
}

const runAll = (connection: Connection, statements: ReadonlyArray<appending.Bound>): Effect.Effect<void, SqlError> => {
  let at = 0
  return Effect.whileLoop({
    while: () => at < statements.length,
    body: () => connection.executeRaw(...statements[at++]!),
    step: () => {}
  })
}
