/** Says why a command did not succeed: one wrapper, and a reason for each thing that a caller may want to tell apart. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"

/** What a program had written last, at most 4 kB of each stream; empty where it was not captured. */
interface Tails {
  readonly stdout: string
  readonly stderr: string
}

/** How what had to be stopped before its end was stopped. */
interface Stopped {
  /** By the signals of the option `stop`, in time; or with SIGKILL for somebody in its tree, whose cleanup was skipped. */
  readonly ended: "signal" | "killed"
}

/**
 * The program is not there: no such file, or none along `PATH`. Also when a script's interpreter is not there. Nothing ran; trying again helps only if somebody installs it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Data.TaggedError("NotFound")<{ readonly program: string; readonly message: string }> {}

/**
 * The directory that the program was to run in is not there, or is none. Nothing ran; trying again helps only if somebody makes it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoDirectory extends Data.TaggedError("NoDirectory")<{ readonly directory: string; readonly message: string }> {}

/**
 * This user may not run the program, or not enter its directory. Nothing ran; trying again does not help.
 *
 * @category errors
 * @since 0.1.0
 */
export class PermissionDenied extends Data.TaggedError("PermissionDenied")<{ readonly path: string; readonly message: string }> {}

/**
 * A file that a stream goes to or comes from, or the one that records the command, could not be opened; `code` is the system's word. Nothing ran, but files that were to be emptied may have been.
 *
 * @category errors
 * @since 0.1.0
 */
export class FileFailed extends Data.TaggedError("FileFailed")<{
  readonly of: "stdin" | "stdout" | "stderr" | "record"
  readonly path: string
  readonly code: string
  readonly message: string
}> {}

/**
 * A namespace was asked for and cannot be had here: `unshare` is not installed, or this user may not. Nothing ran; trying again does not help.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoNamespace extends Data.TaggedError("NoNamespace")<{ readonly message: string }> {}

/**
 * The system did not start it; `code` is its word. Nothing ran. `EAGAIN`, `ENOMEM`, `EMFILE` and `ENFILE` say that there is no room now, so that trying again later may help; `E2BIG` says that arguments and environment are too long, for good.
 *
 * @category errors
 * @since 0.1.0
 */
export class SpawnFailed extends Data.TaggedError("SpawnFailed")<{ readonly code: string; readonly message: string }> {}

/**
 * It ended with an exit code that is not among `okCodes`. What it does may have happened, in part or whole; whether trying again is safe is the program's business.
 *
 * @category errors
 * @since 0.1.0
 */
export class NonZeroExit extends Data.TaggedError("NonZeroExit")<{ readonly code: number } & Tails> {
  override get message(): string {
    return `exit code ${this.code}${said(this)}`
  }
}

/**
 * A signal ended it that was not ours. What it does may have happened in part; it had no chance to clean up after `SIGKILL` and `SIGSEGV`.
 *
 * @category errors
 * @since 0.1.0
 */
export class Signaled extends Data.TaggedError("Signaled")<{ readonly signal: NodeJS.Signals } & Tails> {
  override get message(): string {
    return `ended by ${this.signal}${said(this)}`
  }
}

/**
 * It took longer than `timeout` and was stopped with its tree. What it does may have happened in part.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimedOut extends Data.TaggedError("TimedOut")<{ readonly after: Duration.Duration } & Stopped & Tails> {
  override get message(): string {
    return `took longer than ${Duration.format(this.after)}${said(this)}`
  }
}

/**
 * It wrote more than `maxBytes` to a stream that was captured with `overflow: "fail"`, and was stopped with its tree. What it does may have happened in part; trying again gives the same.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputTooLarge extends Data.TaggedError("OutputTooLarge")<
  {
    readonly stream: "stdout" | "stderr"
    readonly maxBytes: number
  } & Stopped
> {
  override get message(): string {
    return `more than ${this.maxBytes.toLocaleString("en")} bytes on ${this.stream}`
  }
}

/**
 * What was to be its input failed with `cause`, and it was stopped with its tree, without having seen an end of its input. What it does may have happened in part.
 *
 * @category errors
 * @since 0.1.0
 */
export class StdinFailed extends Data.TaggedError("StdinFailed")<{ readonly cause: unknown } & Stopped> {
  override get message(): string {
    return `its input failed: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/**
 * Nobody can say how it ended: the process that had started it in the place of this one is gone. It was stopped with its tree. What it does may have happened, in part or whole.
 *
 * @category errors
 * @since 0.1.0
 */
export class Lost extends Data.TaggedError("Lost")<{ readonly message: string }> {}

/**
 * Why a command did not succeed.
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason =
  | NotFound
  | NoDirectory
  | PermissionDenied
  | FileFailed
  | NoNamespace
  | SpawnFailed
  | NonZeroExit
  | Signaled
  | TimedOut
  | OutputTooLarge
  | StdinFailed
  | Lost

/**
 * A command did not succeed; `reason` says why, `command` which it was, secrets hidden. When you see it, nothing that carries the command's tag is left.
 *
 * @category errors
 * @since 0.1.0
 */
export class CommandError extends Data.TaggedError("CommandError")<{ readonly command: string; readonly reason: Reason }> {
  override get message(): string {
    return `${this.command}: ${this.reason.message}`
  }
}

/** The last line of what it had to say. */
const said = ({ stderr, stdout }: Tails): string => {
  const line = (stderr.trimEnd() || stdout.trimEnd()).split("\n").at(-1)!.trim()
  return line === "" ? "" : `: ${line.length > 300 ? `${line.slice(0, 299)}…` : line}`
}
