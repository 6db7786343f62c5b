/** A store in this process. */
import * as Settings from "@skein/core/Settings"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { JobStore, Json, Owner, Query, Request, StoredChange, StoredRequest } from "../../JobStore.ts"
import { alreadyThere, type Batch, fold } from "./batch.ts"
import { Listeners } from "./listeners.ts"
import { read } from "./query.ts"
import { keptRefusals } from "./requests.ts"
import { type Row, textOf, toRun } from "./rows.ts"
import { StoreError, unavailable } from "./storeError.ts"

export const memory = (options: { readonly name?: string | undefined } = {}): JobStore => {
  const where = "JobStore.memory"
  Settings.known(where, options, ["name"])
  return new MemoryStore(Settings.text(where, "name", options.name) ?? "memory")
}

class MemoryStore implements JobStore {
  readonly name: string
  private readonly rows = new Map<string, Row>()
  private readonly schedules = new Map<string, string>()
  private readonly pending = new Map<number, { readonly at: number; readonly request: string; refusal: string | undefined }>()
  private readonly listeners = new Listeners()
  private numbers = 0
  private tokens = 0
  private owner: number | undefined

  constructor(name: string) {
    this.name = name
  }

  readonly own: JobStore["own"] = Effect.map(
    Effect.acquireRelease(
      Effect.suspend(() => {
        if (this.owner !== undefined) return Effect.fail(new StoreError({ store: this.name, reason: { _tag: "Owned" } }))
        return Effect.succeed((this.owner = ++this.tokens))
      }),
      () => Effect.sync(() => void (this.owner = undefined))
    ),
    (token): Owner => ({ token, load: this.load, append: (changes) => this.append(token, changes) })
  )

  readonly isOwned: JobStore["isOwned"] = Effect.sync(() => this.owner !== undefined)

  private readonly load: Owner["load"] = Effect.sync(() => ({
    runs: Array.from(this.rows.values(), toRun),
    schedules: new Map(Array.from(this.schedules, ([name, state]) => [name, JSON.parse(state) as Json]))
  }))

  private append(token: number, changes: ReadonlyArray<StoredChange>): Effect.Effect<void, StoreError> {
    const write = Effect.suspend(() => {
      if (this.owner !== token) return Effect.fail(new StoreError({ store: this.name, reason: { _tag: "Fenced" } }))
      if (changes.length === 0) return Effect.void
      try {
        const batch = fold(changes)
        for (const id of batch.added.keys()) if (this.rows.has(id) && !batch.removed.has(id)) throw alreadyThere(id)
        this.apply(batch)
      } catch (error) {
        return Effect.fail(unavailable(this.name, error))
      }
      return this.listeners.tell("runs")
    })
    // What was written is told.
    return Effect.uninterruptible(write)
  }

  private apply(batch: Batch): void {
    for (const id of batch.removed) this.rows.delete(id)
    for (const [id, row] of batch.added) this.rows.set(id, row)
    for (const [id, patch] of batch.patched) {
      const row = this.rows.get(id)
      if (row !== undefined) this.rows.set(id, { ...row, ...patch })
    }
    for (const [name, state] of batch.schedules) {
      if (state === undefined) this.schedules.delete(name)
      else this.schedules.set(name, state)
    }
    for (const [number, refusal] of batch.answered) {
      const request = this.pending.get(number)
      if (request === undefined) continue
      if (refusal === undefined) this.pending.delete(number)
      else request.refusal = refusal
    }
    if (!Array.from(batch.answered.values()).some((refusal) => refusal !== undefined)) return
    const refused = Array.from(this.pending).filter(([, { refusal }]) => refusal !== undefined)
    for (const [number] of refused.slice(0, Math.max(0, refused.length - keptRefusals))) this.pending.delete(number)
  }

  readonly get: JobStore["get"] = (id) =>
    Effect.sync(() => {
      const row = this.rows.get(id)
      return row === undefined ? Option.none() : Option.some(toRun(row))
    })

  readonly list: JobStore["list"] = (query = {}) =>
    Effect.sync(() => {
      const asked = read(query)
      const found = Array.from(this.rows.values()).filter((row) => matches(row, asked))
      const { limit = found.length } = asked
      return found.slice(Math.max(0, found.length - limit)).map(toRun)
    })

  readonly request: JobStore["request"] = (request) =>
    Effect.flatMap(Clock.currentTimeMillis, (at) => {
      const number = ++this.numbers
      this.pending.set(number, { at, request: textOf(request), refusal: undefined })
      return Effect.as(this.listeners.tell("requests"), number)
    }).pipe(Effect.uninterruptible)

  readonly requests: JobStore["requests"] = Effect.sync(() =>
    Array.from(this.pending, ([number, { at, refusal, request }]): StoredRequest => ({
      number,
      at,
      request: JSON.parse(request) as Request,
      refusal
    }))
  )

  readonly watch: JobStore["watch"] = (listener) => this.listeners.add(listener)
}

const within = (at: number | undefined, range: Query["submitted"]): boolean =>
  range === undefined || (at !== undefined && at >= (range.from ?? -Infinity) && at < (range.to ?? Infinity))

const matches = (row: Row, { ended, key, labels, name, state, submitted }: Query): boolean => {
  if (name !== undefined && row.name !== name) return false
  if (state !== undefined && !state.includes(row.state)) return false
  if (key !== undefined && row.key !== key) return false
  if (!within(row.submittedAt, submitted) || !within(row.endedAt, ended)) return false
  const wanted = Object.entries(labels ?? {})
  if (wanted.length === 0) return true
  const own = JSON.parse(row.labels) as Record<string, string>
  return wanted.every(([label, value]) => Object.hasOwn(own, label) && own[label] === value)
}
