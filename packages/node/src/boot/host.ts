/**
 * Runs tasks in a worker: takes calls one after the other, runs each, and answers. What it stands on (a thread's shared memory, a process's pipes) is a `Line`.
 *
 * It imports nothing, so that a worker for plain functions starts as fast as Node does. Effect comes with the module of an effect task.
 */
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import { kind, type Kind } from "../internal/pool/frame.ts"

/** What a call carries beside text. */
export type Parts = ReadonlyArray<unknown> | undefined

/** The way to the pool. */
export interface Line {
  /** Takes the next call or definition, if there is one; then `Host.take` has been called. */
  next(): boolean
  /** Nothing is to do: false if something came meanwhile. */
  sleep(): boolean
  /** Whether the call in this slot may start. False if the pool has taken it back. */
  claim(slot: number, call: number): boolean
  /** The module of the claimed call is being loaded (its work has not begun), or has been. */
  loading(slot: number, call: number, is: boolean): void
  send(
    kind: Kind,
    call: number,
    slot: number,
    number: number,
    text: string,
    parts?: Parts,
    transfer?: ReadonlyArray<ArrayBuffer> | undefined
  ): void
  /** A plain function is called from here on, and may be ended from outside until `exit`. */
  readonly enter?: ((slot: number) => void) | undefined
  readonly exit?: ((slot: number) => void) | undefined
  /** Where functions may be ended: continues in a turn of the event loop that survives it. */
  readonly later?: ((run: () => void) => void) | undefined
  /** Called when the worker shall end and nothing runs. */
  end(): void
}

export interface Config {
  /** How many calls may run at once. */
  readonly concurrency: number
  /** Whether to report the heap's size. */
  readonly heap: boolean
}

interface Definition extends Pick<TaskRunner.Definition, "name" | "module" | "export" | "kind"> {
  execute?: Execute
  close?: TaskRunner.Host["close"]
  loading?: Promise<void>
}

type Execute = TaskRunner.Host["execute"]
type Handle = TaskRunner.HostHandle

interface Waiting {
  readonly definition: Definition
  readonly call: number
  readonly slot: number
  readonly text: string
  readonly parts: Parts
}

/** How long calls are run in one turn of the event loop, in milliseconds: timers and messages wait no longer than this, and one call. */
const turn = 1

export class Host {
  private readonly line: Line
  private readonly config: Config
  private readonly definitions: Array<Definition> = []
  /** Calls that can be told something: by their handle, or, before they run, by what they have been told so far. */
  private readonly known = new Map<number, Handle | Array<string | undefined>>()
  private running = 0
  private scheduled = false
  private ending = false
  private left = false
  private heapAt = 0

  constructor(line: Line, config: Config) {
    this.line = line
    this.config = config
  }

  /** Runs what there is. */
  readonly pump = (): void => {
    this.scheduled = false
    const from = performance.now()
    while (this.running < this.config.concurrency) {
      if (!this.line.next()) {
        if (this.line.sleep()) break
      } else if (performance.now() - from > turn) {
        this.schedule()
        return
      }
    }
    if (this.ending && this.running === 0 && !this.left) void this.leave()
  }

  /** The layers of its tasks are released first. */
  private async leave(): Promise<void> {
    this.left = true
    const closing = this.definitions.map(({ close }) => close?.())
    await Promise.allSettled(closing)
    this.line.end()
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    if (this.line.later === undefined) setImmediate(this.pump)
    else this.line.later(this.pump)
  }

  end(): void {
    this.ending = true
    this.pump()
  }

  define(number: number, text: string): void {
    this.definitions[number] = JSON.parse(text) as Definition
  }

  /** A call has come that is not run yet: what it is told is kept for it. */
  expect(call: number): void {
    this.known.set(call, [])
  }

  call(call: number, slot: number, number: number, text: string, parts: Parts): void {
    if (!this.line.claim(slot, call)) {
      this.known.delete(call)
      return this.line.send(kind.skipped, call, slot, 0, "")
    }
    this.running++
    const definition = this.definitions[number]!
    if (definition.execute !== undefined) this.run(definition, call, slot, text, parts)
    else this.load({ definition, call, slot, text, parts })
  }

  private load(waiting: Waiting): void {
    const { call, definition, slot } = waiting
    if (!this.known.has(call)) this.expect(call)
    this.line.loading(slot, call, true)
    this.line.send(kind.loading, call, slot, 1, "")
    const goOn = this.line.later ?? ((run) => run())
    const loaded = (definition.loading ??= hostOf(definition).then((host) => void Object.assign(definition, host)))
    loaded.then(
      () =>
        goOn(() => {
          this.line.loading(slot, call, false)
          this.line.send(kind.loading, call, slot, 0, "")
          this.run(definition, call, slot, waiting.text, waiting.parts)
          this.pump()
        }),
      (error: unknown) => {
        // The next call asks again: Node remembers modules that failed, so that costs little.
        delete definition.loading
        this.over(call)
        this.line.send(kind.broken, call, slot, 0, messageOf(error))
        goOn(this.pump)
      }
    )
  }

  private run(definition: Definition, call: number, slot: number, text: string, parts: Parts): void {
    const from = performance.now()
    let settled = false
    let inside = true
    const guarded = definition.kind === "handler" && this.line.enter !== undefined
    const settle = (answer: TaskRunner.Answer): void => {
      if (settled) return
      settled = true
      if (inside && guarded) this.line.exit!(slot)
      this.over(call)
      const micros = Math.round((performance.now() - from) * 1_000)
      this.line.send(answer.ok ? kind.success : kind.failure, call, slot, micros, answer.text, answer.parts, answer.transfer)
      if (this.config.heap) this.reportHeap()
      if (!inside) this.schedule()
    }
    // The meta data stands before the payload, in a line of its own.
    const newline = text.charCodeAt(0) === 10 ? 0 : text.indexOf("\n")
    const meta = newline === 0 ? undefined : (JSON.parse(text.slice(0, newline)) as TaskRunner.Meta)
    try {
      if (guarded) this.line.enter!(slot)
      const handle = definition.execute!({ text: text.slice(newline + 1), parts }, meta, {
        settle,
        send: (message) => {
          if (!settled) this.line.send(kind.told, call, slot, 0, message)
        }
      })
      if (!settled) {
        if (guarded) this.line.exit!(slot)
        const early = this.known.get(call)
        this.known.set(call, handle)
        if (Array.isArray(early)) for (const message of early) this.deliver(handle, message)
      }
    } catch (error) {
      settle({ ok: false, text: causeOf(error) })
    }
    inside = false
  }

  /** The function of a call was ended from outside. */
  cut(call: number, slot: number): void {
    this.over(call)
    this.line.send(kind.cut, call, slot, 0, "")
  }

  private over(call: number): void {
    this.running--
    this.known.delete(call)
  }

  /** A message to a call; none means that it shall stop. A call that is over does not hear it. */
  tell(call: number, message: string | undefined): void {
    const known = this.known.get(call)
    if (Array.isArray(known)) known.push(message)
    else if (known !== undefined) this.deliver(known, message)
  }

  private deliver(handle: Handle, message: string | undefined): void {
    if (message === undefined) handle.interrupt()
    else handle.receive(message)
  }

  private reportHeap(): void {
    const now = performance.now()
    if (now - this.heapAt < 250) return
    this.heapAt = now
    this.line.send(kind.heap, 0, 0, Math.round(process.memoryUsage().heapUsed / 1024), "")
  }
}

/** A call that could not even begin: a defect. */
const causeOf = (error: unknown): string => JSON.stringify({ cause: [["die", messageOf(error)]] })

const messageOf = (error: unknown): string => {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    return "an error that cannot be shown"
  }
}

/** Loads a task. */
const hostOf = async (definition: Definition): Promise<TaskRunner.Host> => {
  const exports = (await import(definition.module)) as Readonly<Record<string, unknown>>
  const value = exports[definition.export]
  if (definition.kind === "handler") {
    if (typeof value === "function") {
      const TaskHandler = await import("@skein/parallel/TaskHandler")
      return { execute: TaskHandler.execute(value as never) }
    }
    throw new TypeError(`it has no function named ${JSON.stringify(definition.export)}`)
  }
  const host = (value as { readonly [key: symbol]: TaskRunner.Host | undefined } | undefined)?.[Symbol.for("@skein/parallel/Task")]
  if (host === undefined) throw new TypeError(`it exports no Task named ${JSON.stringify(definition.export)}`)
  return { execute: host.execute, close: host.close }
}
