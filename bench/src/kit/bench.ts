/**
 * Compares subjects that do the same work: alternating rounds, fresh processes, medians and ratios.
 *
 * One table is one `Comparison`. Each round is a process of its own in which all subjects are warmed up and then measured in turn, in an order that moves
 * on by one from run to run; so none is always the one that finds the heap of another, and code that was compiled in one round does not serve the next. A ratio is made inside one round, of
 * the medians of that process; the table shows the median of the rounds' ratios, with the least and the greatest of them.
 *
 * Each run gives an answer, and the answer of every run is checked: what is wrong is not fast.
 *
 * `SKEIN_BENCH_SMOKE=1`: tiny sizes, one run each in this process, answers checked, no times printed. `--json`: one JSON document instead of tables.
 * `--rounds=n`: that many fresh processes for each table (default 5).
 */
import { spawnSync } from "node:child_process"
import { cpus, loadavg } from "node:os"
import { relative } from "node:path"

/** What one run took, for all its tasks: nanoseconds of the clock, and of the processor for the main thread (or some other measure, and nothing). */
interface Sample {
  readonly value: number
  readonly cpu: number
}

/** Given to each run. The whole run is timed, unless it says itself what counts. */
export class Watch {
  private sample: Sample | undefined = undefined
  private from = 0
  private cpuFrom = 0
  /** What was before is set-up and does not count. */
  start(): void {
    this.sample = undefined
    this.cpuFrom = cpuTime()
    this.from = performance.now()
  }
  /** What comes after is clearing up and does not count. */
  stop(): void {
    if (this.sample !== undefined) return
    const value = (performance.now() - this.from) * 1e6
    this.sample = { value, cpu: cpuTime() - this.cpuFrom }
  }
  /** Takes another measure than time, for example bytes, for all tasks together. */
  record(value: number): void {
    this.sample = { value, cpu: 0 }
  }
  result(): Sample {
    return this.sample!
  }
}

/** Nanoseconds that the main thread has run. Unlike the clock it does not count when other processes had the core; nor helper threads, nor waiting for memory. */
const cpuTime = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) * 1000
}

export interface Subject<Answer> {
  readonly name: string
  readonly run: (watch: Watch) => Answer | Promise<Answer>
  /** How many tasks this one does, where that is not the table's `n`. */
  readonly n?: number
}

export interface Comparison<Answer> {
  readonly title: string
  /** How many tasks one run does. */
  readonly n: number
  /** The subject that the ratios are made against: its name. */
  readonly baseline: string
  readonly subjects: ReadonlyArray<Subject<Answer>>
  /** Says what is wrong with an answer, or nothing. */
  readonly check: (answer: Answer, subject: Subject<Answer>) => string | undefined
  /** @default "ns a task" */
  readonly unit?: string
  /** Runs of each subject that are not counted. @default 2 */
  readonly warmUps?: number
  /** Runs of each subject that are counted, in each round. @default 5 */
  readonly runs?: number
  /** Node flags for the rounds. */
  readonly flags?: ReadonlyArray<string>
}

export const smoke = process.env.SKEIN_BENCH_SMOKE === "1"
/** A size, or a tiny one when only the answers are of interest. */
export const size = (n: number, tiny = 64): number => (smoke ? Math.min(n, tiny) : n)

const asJson = process.argv.includes("--json")
const rounds = Number(process.argv.find((arg) => arg.startsWith("--rounds="))?.slice(9) ?? 5)
const only = process.argv.find((arg) => arg.startsWith("--only="))?.slice(7)
const child = process.env.SKEIN_BENCH_ROUND

/** Collects garbage, so that nobody pays for another's. Twice: the first makes what weak references held collectable. */
export const collect = (): void => {
  globalThis.gc?.()
  globalThis.gc?.()
}

const median = (numbers: ReadonlyArray<number>): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

interface Row {
  readonly name: string
  /** The median over all rounds, for one task. */
  readonly value: number
  readonly least: number
  readonly greatest: number
  /** Against the baseline of the same round. */
  readonly ratio: { readonly median: number; readonly least: number; readonly greatest: number }
  /** The median ratio in processor time of the main thread; absent where no time was measured. */
  readonly cpuRatio: number | undefined
}

export interface Table {
  readonly title: string
  readonly n: number
  readonly unit: string
  readonly baseline: string
  readonly rounds: number
  readonly rows: ReadonlyArray<Row>
}

const runOnce = async <Answer>(comparison: Comparison<Answer>, subject: Subject<Answer>): Promise<Sample> => {
  collect()
  const watch = new Watch()
  watch.start()
  const answer = await subject.run(watch)
  watch.stop()
  const wrong = comparison.check(answer, subject)
  if (wrong !== undefined) throw new Error(`${comparison.title}: ${subject.name}: ${wrong}`)
  const { cpu, value } = watch.result()
  const n = subject.n ?? comparison.n
  return { value: value / n, cpu: cpu / n }
}

/** The samples of each subject, in one process. */
type Round = ReadonlyArray<ReadonlyArray<Sample>>

/** One round: this process measures all subjects in turn. Gives the values of each. */
const runRound = async <Answer>(comparison: Comparison<Answer>, round: number): Promise<Round> => {
  const { runs = 5, subjects, warmUps = 2 } = comparison
  const values: Array<Array<Sample>> = subjects.map(() => [])
  for (let run = -warmUps; run < runs; run++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const i = (turn + round + run + warmUps) % subjects.length
      const value = await runOnce(comparison, subjects[i]!)
      if (run >= 0) values[i]!.push(value)
    }
  }
  return values
}

const spawnRound = (index: number, round: number, flags: ReadonlyArray<string>): Round => {
  const done = spawnSync(process.execPath, ["--expose-gc", ...flags, process.argv[1]!], {
    env: { ...process.env, SKEIN_BENCH_ROUND: `${index}:${round}` },
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: 1 << 26
  })
  if (done.status !== 0) throw new Error(`a round ended with ${done.signal ?? `exit code ${done.status}`}`)
  return JSON.parse(done.stdout) as Round
}

const tableOf = <Answer>(comparison: Comparison<Answer>, all: ReadonlyArray<Round>): Table => {
  const { subjects } = comparison
  const base = subjects.findIndex((subject) => subject.name === comparison.baseline)
  const rows = subjects.map((subject, i): Row => {
    const values = all.flatMap((round) => round[i]!.map((sample) => sample.value))
    const ratiosOf = (measure: (sample: Sample) => number): Array<number> =>
      all.map((round) => median(round[i]!.map(measure)) / median(round[base]!.map(measure)))
    const ratios = ratiosOf((sample) => sample.value)
    const cpuRatio = median(ratiosOf((sample) => sample.cpu))
    return {
      name: subject.name,
      value: median(values),
      least: Math.min(...values),
      greatest: Math.max(...values),
      ratio: { median: median(ratios), least: Math.min(...ratios), greatest: Math.max(...ratios) },
      cpuRatio: Number.isFinite(cpuRatio) ? cpuRatio : undefined
    }
  })
  const { baseline, n, title, unit = "ns a task" } = comparison
  return { title, n, unit, baseline, rounds: all.length, rows }
}

const count = (n: number): string => n.toLocaleString("en-US")

const printTable = (table: Table): void => {
  const whole = (value: number): string => (value < 10 ? value.toFixed(2) : count(Math.round(value)))
  const head = ["", table.unit, "min – max", `× ${table.baseline}`, "min – max of the rounds", "× in CPU time"]
  const lines = table.rows.map((row) => [
    row.name,
    whole(row.value),
    `${whole(row.least)} – ${whole(row.greatest)}`,
    row.ratio.median.toFixed(2),
    `${row.ratio.least.toFixed(2)} – ${row.ratio.greatest.toFixed(2)}`,
    row.cpuRatio === undefined ? "" : row.cpuRatio.toFixed(2)
  ])
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column]!.length)))
  console.log(`\n### ${table.title} · n = ${count(table.n)} · ${table.rounds} rounds\n`)
  for (const line of [head, widths.map((width) => "-".repeat(width)), ...lines]) {
    const cells = line.map((text, column) => (column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)))
    console.log(`| ${cells.join(" | ")} |`)
  }
}

/** Where and how this was measured. */
const machine = (): Record<string, string | number> => {
  const args = process.argv.slice(2).join(" ")
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    load: Number(loadavg()[0]!.toFixed(2)),
    node: process.version,
    command: `node --expose-gc ${relative(process.cwd(), process.argv[1]!)}${args === "" ? "" : ` ${args}`}`
  }
}

const printMachine = (): void => {
  const { command, cores, cpu, load, node } = machine()
  console.log(`${cpu}, ${cores} cores, load ${load} at the start · Node ${node} · ${command}`)
}

/** What a file says besides its tables, made of them; for example a growth from one size to another. */
export type Remarks = (tables: ReadonlyArray<Table>) => ReadonlyArray<string>

/** Runs the comparisons of one file and prints them. The last statement of each bench. */
export const main = async (comparisons: ReadonlyArray<Comparison<any>>, remarks?: Remarks): Promise<void> => {
  if (child !== undefined) {
    const [index, round] = child.split(":").map(Number) as [number, number]
    process.stdout.write(JSON.stringify(await runRound(comparisons[index]!, round)))
    return
  }
  if (smoke) {
    for (const comparison of comparisons) {
      for (const subject of comparison.subjects) await runOnce(comparison, subject)
      console.log(`${comparison.title}: ${comparison.subjects.length} subjects gave the same answer, n = ${comparison.n}`)
    }
    return
  }
  const at = machine()
  if (!asJson) printMachine()
  const tables: Array<Table> = []
  for (const [index, comparison] of comparisons.entries()) {
    if (only !== undefined && !comparison.title.includes(only)) continue
    const all: Array<Round> = []
    for (let round = 0; round < rounds; round++) all.push(spawnRound(index, round, comparison.flags ?? []))
    const table = tableOf(comparison, all)
    tables.push(table)
    if (!asJson) printTable(table)
  }
  const said = only === undefined ? (remarks?.(tables) ?? []) : []
  if (asJson) console.log(JSON.stringify({ machine: at, tables, remarks: said }, undefined, 2))
  else if (said.length > 0) console.log(`\n${said.join("\n")}`)
}

/** Checks that an array holds `value(i)` at each `i`. */
export const inOrder = <A>(got: ReadonlyArray<A>, n: number, value: (i: number) => A): string | undefined => {
  if (got.length !== n) return `${got.length} values instead of ${n}`
  for (let i = 0; i < n; i++) if (got[i] !== value(i)) return `value ${i} is ${String(got[i])} instead of ${String(value(i))}`
  return undefined
}
