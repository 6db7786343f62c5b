/** What one input becomes: the job, its attempts, how it ended. Types that all rooms of the command line share; no behaviour. */

/** One input of the command line or of a file. */
export interface Input {
  /** What `{1}`, `{2}` … stand for; `{}` is all of them. At least one. */
  readonly values: ReadonlyArray<string>
  /** What `{name}` stands for, where inputs are records. */
  readonly fields?: Readonly<Record<string, string>> | undefined
}

/** What is executed: always an argument list; a shell, where one was asked for, is the program, and values are its positional parameters. */
export interface Program {
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** What it reads. Left out: nothing, an empty standard input. */
  readonly stdin?: Uint8Array | undefined
}

export interface Job {
  /** From 1, in the order of the input. */
  readonly seq: number
  readonly input: Input
  /** The command as one would type it, quoted for a shell; what job logs and listings show. */
  readonly text: string
  /** A hash of the template and the input: the same for the same work, wherever in the input it stands. */
  readonly key: string
  /** What runs in a slot (`{%}`, from 1). */
  readonly program: (slot: number) => Program
}

/**
 * Why an attempt ended. `stopped`: we ended it, since the whole was asked to stop. `broken`: it could not be started, or its output could not be kept. `no-room`: the system has no room for one more, of processes, open files or memory, and
 * nothing was started; it is told only where nothing else runs that could make room.
 */
export type Why = "exit" | "signal" | "timeout" | "stopped" | "not-found" | "denied" | "broken" | "no-room"

/** How an attempt ended. */
export interface End {
  readonly why: Why
  /** Of a program that exited; 127 where it was not found, 126 where it may not be run. 0 where a signal ended it. */
  readonly exitCode: number
  /** The number of the signal that ended it, or 0. */
  readonly signal: number
  /** What went wrong in words, where it is more than a code. */
  readonly message?: string | undefined
}

export interface Attempt extends End {
  /** From 1. */
  readonly number: number
  readonly slot: number
  /** Milliseconds since the epoch, with fractions. */
  readonly startedAt: number
  readonly endedAt: number
}

/** A job that is over. It has at least one attempt; what was never started is no record. */
export interface JobRecord {
  readonly job: Job
  readonly queuedAt: number
  readonly attempts: ReadonlyArray<Attempt>
  /** The last attempt ended with exit code 0. */
  readonly ok: boolean
  /** Bytes that it wrote: standard output and standard error. */
  readonly received: number
}

/** Is told what happens. It must not throw, and cannot change what happens. */
export interface Observer {
  readonly queued?: ((job: Job, at: number) => void) | undefined
  readonly started?: ((job: Job, attempt: number, slot: number, at: number) => void) | undefined
  readonly attempted?: ((job: Job, attempt: Attempt) => void) | undefined
  readonly finished?: ((record: JobRecord) => void) | undefined
}
