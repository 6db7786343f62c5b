/** Says why an app does not serve: one wrapper, and a reason for each thing that a caller may want to tell apart. */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { CommandError } from "../command/failure.ts"

/** What its command had written last, at most 4 kB of each stream; empty where it is no command, or was not captured. */
interface Tails {
  readonly stdout: string
  readonly stderr: string
}

/**
 * Its command could not be started; `error` says why. Nothing ran.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotStarted extends Data.TaggedError("NotStarted")<{ readonly error: CommandError }> {
  override get message(): string {
    return this.error.message
  }
}

/**
 * It ended, and not well, or before it was ready. A command has an exit code or a signal, or a cause where it was stopped for its own `timeout` say; a function that failed or died has a cause, and one that returned has none of the three.
 *
 * @category errors
 * @since 0.1.0
 */
export class Died extends Data.TaggedError("Died")<
  {
    readonly when: "starting" | "serving"
    readonly exitCode: number | null
    readonly signal: NodeJS.Signals | null
    readonly cause: Cause.Cause<unknown> | undefined
  } & Tails
> {
  override get message(): string {
    const how =
      this.exitCode !== null
        ? `ended with exit code ${this.exitCode}`
        : this.signal !== null
          ? `was ended by ${this.signal}`
          : this.cause === undefined
            ? "returned"
            : `failed with ${firstOf(this.cause)}`
    return `${how}${this.when === "starting" ? " before it was ready" : ""}${said(this)}`
  }
}

/**
 * It was not ready in time, and was stopped. A longer `within` may help.
 *
 * @category errors
 * @since 0.1.0
 */
export class Late extends Data.TaggedError("Late")<{ readonly after: Duration.Duration; readonly missing: string } & Tails> {
  override get message(): string {
    return `${this.missing} within ${Duration.format(this.after)}${said(this)}`
  }
}

/**
 * Somebody else listens on its port: the process `by`, where that can be seen. The app did not start, or was stopped. Trying again helps when the other has gone.
 *
 * @category errors
 * @since 0.1.0
 */
export class PortTaken extends Data.TaggedError("PortTaken")<{
  readonly ip: string
  readonly port: number
  readonly by: number | undefined
}> {
  override get message(): string {
    return `port ${this.port} of ${this.ip} belongs to ${this.by === undefined ? "somebody else" : `process ${this.by}`}`
  }
}

/**
 * No port can be had on its address; `code` is the system's word: `EADDRNOTAVAIL` says that this machine does not have the address. Nothing ran.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoPort extends Data.TaggedError("NoPort")<{ readonly ip: string; readonly code: string }> {
  override get message(): string {
    return `no port on ${this.ip}: ${this.code}`
  }
}

/**
 * Its scope was closed, and it was stopped.
 *
 * @category errors
 * @since 0.1.0
 */
export class Closed extends Data.TaggedError("Closed")<{}> {
  override get message(): string {
    return "its scope was closed"
  }
}

/**
 * Why an app does not serve.
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason = NotStarted | Died | Late | PortTaken | NoPort | Closed

/**
 * An app does not serve; `reason` says why, `app` which it was, secrets hidden. When you see it, nothing of the app is left.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServedAppError extends Data.TaggedError("ServedAppError")<{ readonly app: string; readonly reason: Reason }> {
  override get message(): string {
    return `${this.app}: ${this.reason.message}`
  }
}

const firstOf = (cause: Cause.Cause<unknown>): string => {
  const reason = cause.reasons[0]
  if (reason === undefined || reason._tag === "Interrupt") return "an interruption"
  const value = reason._tag === "Fail" ? reason.error : reason.defect
  return value instanceof Error ? `${value.name}: ${value.message}` : String(value)
}

/** The last line of what it had to say. */
const said = ({ stderr, stdout }: Tails): string => {
  const line = (stderr.trimEnd() || stdout.trimEnd()).split("\n").at(-1)!.trim()
  return line === "" ? "" : `: ${line.length > 300 ? `${line.slice(0, 299)}…` : line}`
}
