/** Notices what other connections write, by a number that SQLite keeps. Asks while somebody wants to know, and no more. */
import type { SqliteClient } from "@skein/node/SqliteClient"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { SqlError } from "effect/sql/SqlError"
import { Listeners } from "./listeners.ts"

const interval = "100 millis"

export class Watch {
  readonly listeners = new Listeners()
  private readonly sql: SqliteClient
  /** That of the store: what still listens when it is closed is not asked for any more. */
  private readonly scope: Scope.Scope
  private polling: Fiber.Fiber<void> | undefined
  /** The last may leave while another comes. */
  private readonly turns = Semaphore.makeUnsafe(1)

  constructor(sql: SqliteClient, scope: Scope.Scope) {
    this.sql = sql
    this.scope = scope
  }

  /** Changes as soon as another connection has changed the file. */
  private readonly version: Effect.Effect<number, SqlError> = Effect.suspend(() =>
    Effect.map(this.sql<{ version: number }>`SELECT data_version AS version FROM pragma_data_version`, (rows) => rows[0]!.version)
  )

  private poll(first: number): Effect.Effect<void> {
    let seen = first
    return Effect.sleep(interval).pipe(
      Effect.andThen(this.version),
      Effect.flatMap((now) => {
        if (now === seen) return Effect.void
        seen = now
        return this.listeners.tell("unknown")
      }),
      // A file that cannot be read now is asked again; who uses the store learns the reason there.
      Effect.ignore,
      Effect.forever
    )
  }

  private readonly start = (version: number): Effect.Effect<void> =>
    this.turns.withPermit(
      Effect.suspend(() => {
        if (this.polling !== undefined) return Effect.void
        return Effect.map(Effect.forkIn(this.poll(version), this.scope), (fiber) => void (this.polling = fiber))
      })
    )

  private readonly stop: Effect.Effect<void> = Effect.suspend(() =>
    this.turns.withPermit(
      Effect.suspend(() => {
        const { polling } = this
        if (polling === undefined || !this.listeners.isEmpty) return Effect.void
        this.polling = undefined
        return Fiber.interrupt(polling)
      })
    )
  )

  /** From here on: what is written after this is told. */
  readonly add = (listener: Parameters<Listeners["add"]>[0]): Effect.Effect<void, SqlError, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(this.version), (version) => Effect.andThen(this.listeners.add(listener, this.stop), this.start(version)))
    )
}
