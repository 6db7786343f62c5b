/** Makes the live tree of a call: names, states and waits, as data and as text. */
import type { TaskPump } from "../TaskPump.ts"
import type { Runner } from "./runner.ts"
import type { Task } from "./task.ts"

/** A running call and its tasks. */
export interface Dump {
  readonly name: string | undefined
  /** `stopping`: nothing starts any more. */
  readonly state: "running" | "stopping"
  readonly running: number
  readonly abandoned: number
  /** Tasks that have not ended, queued ones last; at most 1,000 queued ones. */
  readonly tasks: ReadonlyArray<DumpTask>
  /** Queued tasks that are not in `tasks`. */
  readonly more: number
}

/** A task that has not ended. */
export interface DumpTask {
  readonly index: number
  readonly name: string | undefined
  readonly state: "queued" | "running" | "stopping" | "abandoned" | "backing off"
  /** Milliseconds since it started; `undefined` if it has not. */
  readonly ranFor: number | undefined
  /** What its fibers wait for, as far as they wait in primitives of Skein. */
  readonly waits: ReadonlyArray<string>
  /** Calls that run inside it. */
  readonly calls: ReadonlyArray<Dump>
}

const shown = 1_000

export const dumpOf = (pump: TaskPump<any, any>, queued: Iterable<Task<any, any>>): Dump => {
  const now = pump.now()
  const tasks: Array<DumpTask> = []
  for (const runner of pump.runners as Set<Runner<any, any>>) {
    const { task } = runner
    if (task === undefined) continue
    const node = task.node ?? runner.node
    const state = task.abandoned ? "abandoned" : task.cut === undefined ? (task.started < 0 ? "queued" : "running") : "stopping"
    tasks.push({
      index: task.index,
      name: task.name,
      state,
      ranFor: task.started < 0 ? undefined : now - pump.instantOf(task.started),
      waits: [...(node.waits ?? [])].map((describe) => describe().what),
      calls: [...(node.calls ?? [])].map((call) => call.dump())
    })
  }
  for (const task of pump.waitingToRetry()) {
    tasks.push({
      index: task.index,
      name: task.name,
      state: "backing off",
      ranFor: now - pump.instantOf(task.started),
      waits: [],
      calls: []
    })
  }
  let listed = 0
  let more = 0
  for (const task of queued) {
    if (listed++ < shown) tasks.push({ index: task.index, name: task.name, state: "queued", ranFor: undefined, waits: [], calls: [] })
    else more++
  }
  return {
    name: pump.settings.name,
    state: pump.stopped === undefined ? "running" : "stopping",
    running: pump.running,
    abandoned: pump.abandoned,
    tasks,
    more
  }
}

/** Writes a dump as an indented text, one task a line. */
export const format = (dump: Dump): string => lines(dump, "").join("\n")

const lines = (dump: Dump, indent: string): Array<string> => {
  const abandoned = dump.abandoned === 0 ? "" : `, ${dump.abandoned} abandoned`
  const out = [`${indent}${dump.name ?? "call"}: ${dump.state}, ${dump.running} running${abandoned}`]
  for (const task of dump.tasks) {
    const name = task.name === undefined ? "" : ` ${task.name}`
    const time = task.ranFor === undefined ? "" : ` for ${Math.round(task.ranFor)} ms`
    const waits = task.waits.length === 0 ? "" : `, waits for ${task.waits.join(" and for ")}`
    out.push(`${indent}  #${task.index}${name}: ${task.state}${time}${waits}`)
    for (const call of task.calls) out.push(...lines(call, `${indent}    `))
  }
  if (dump.more > 0) out.push(`${indent}  and ${dump.more} more queued`)
  return out
}
