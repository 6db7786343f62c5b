/** What a command can be told, and how it is read: everything is checked when a command is made, so that running it meets only the world's faults. */
import * as Settings from "@skein/core/Settings"
import type * as Duration from "effect/Duration"
import { constants } from "node:os"

/**
 * What a program reads.
 *
 * `ignore` is an empty input, `inherit` that of this process. With `pipe`, `Command.start` gives you the writer, and a command that is run as an effect reads an empty input. The writer of a text, bytes or chunks does not mind if the program
 * stops reading early. `chunks` are asked for one by one, as fast as the program reads; if they fail, the program is stopped. A `file` is opened for it.
 *
 * @category options
 * @since 0.1.0
 */
export type Stdin =
  | "ignore"
  | "inherit"
  | "pipe"
  | { readonly text: string }
  | { readonly bytes: Uint8Array }
  | { readonly chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array> }
  | { readonly file: string }

/**
 * Where a program writes to.
 *
 * `capture` keeps it for the `Output`, or, with `Command.start`, gives you the reader. `inherit` is the stream of this process. A `file` is made, and emptied (`truncate`, the default) or added to (`append`); if both streams name the same
 * file, both go there in order.
 *
 * @category options
 * @since 0.1.0
 */
export type Stdout = "capture" | "inherit" | "ignore" | { readonly file: string; readonly write?: "truncate" | "append" | undefined }

/**
 * A step of stopping: a signal, and how long the tree has after it.
 *
 * @category options
 * @since 0.1.0
 */
export interface StopStep {
  readonly signal: NodeJS.Signals
  readonly wait: Duration.Input
}

/**
 * How a command runs.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Where it runs. A relative path starts at the working directory that this process has when the command runs.
   *
   * @default the working directory of this process
   */
  readonly directory?: string | undefined
  /**
   * Variables of its environment; `undefined` takes one away.
   *
   * @default {}
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Whether `env` is added to the environment of this process or is all there is. The tag of its tree is always there.
   *
   * @default "extend"
   */
  readonly environment?: "extend" | "replace" | undefined
  /**
   * Its file mode creation mask, a whole number from 0 to 0o777. Asking for one costs a start of `sh`.
   *
   * @default that of this process
   */
  readonly umask?: number | undefined
  /**
   * A shell, such as `sh` or `bash`: then `program` is a script, and `args` are `$1`, `$2` … in it.
   *
   * @default no shell
   */
  readonly shell?: string | undefined
  /** @default "ignore" */
  readonly stdin?: Stdin | undefined
  /** @default "capture" */
  readonly stdout?: Stdout | undefined
  /** @default "capture" */
  readonly stderr?: Stdout | undefined
  /**
   * How much of each stream is captured: a whole number of bytes of at least 1.
   *
   * @default 16777216 (16 MiB)
   */
  readonly maxBytes?: number | undefined
  /**
   * What becomes of more: the command fails with `OutputTooLarge`, or the first (`head`) or the last (`tail`) bytes are kept and the others counted.
   *
   * @default "fail"
   */
  readonly overflow?: "fail" | "head" | "tail" | undefined
  /**
   * The exit codes that are a success.
   *
   * @default [0]
   */
  readonly okCodes?: ReadonlyArray<number> | undefined
  /**
   * How long it may run, from its start to its end. Then it is stopped and fails with `TimedOut`.
   *
   * @default "Infinity"
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * How it is stopped: each signal goes to everybody in its tree, and the next comes when somebody is left after the wait. SIGKILL always comes last and need not be named.
   *
   * @default [{ signal: "SIGTERM", wait: "1 second" }]
   */
  readonly stop?: ReadonlyArray<StopStep> | undefined
  /**
   * What becomes of processes that it leaves running when it ends well. When it ends otherwise, they are killed.
   *
   * @default "leave"
   */
  readonly leftovers?: "leave" | "kill" | undefined
  /**
   * How its descendants are kept together: by a tag in their environment, or in a PID namespace of their own, which nobody can leave. See the module for what a namespace cannot tell apart.
   *
   * @default "tag"
   */
  readonly tree?: "tag" | "namespace" | undefined
  /**
   * A directory in which the command line is written to `command.sh` before it starts, secrets hidden. It is made if it is not there.
   *
   * @default nothing is written
   */
  readonly record?: string | undefined
}

/** Node's timers take no more: in milliseconds. */
export const longestTimer = 2 ** 31 - 1

const names: ReadonlyArray<string> = [
  "directory",
  "env",
  "environment",
  "umask",
  "shell",
  "stdin",
  "stdout",
  "stderr",
  "maxBytes",
  "overflow",
  "okCodes",
  "timeout",
  "stop",
  "leftovers",
  "tree",
  "record"
]

/** Options as they were read: times in milliseconds, `Infinity` for none. */
export interface Spec {
  readonly directory: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly environment: "extend" | "replace"
  readonly umask: number | undefined
  readonly shell: string | undefined
  readonly stdin: Stdin
  readonly stdout: Stdout
  readonly stderr: Stdout
  readonly maxBytes: number
  readonly overflow: "fail" | "head" | "tail"
  readonly okCodes: ReadonlyArray<number>
  readonly timeout: number
  readonly stop: ReadonlyArray<{ readonly signal: NodeJS.Signals; readonly wait: number }>
  readonly leftovers: "leave" | "kill"
  readonly tree: "tag" | "namespace"
  readonly record: string | undefined
}

export const read = (where: string, options: Options): Spec => {
  if (options === defaults) return defaultSpec
  Settings.known(where, options, names)
  const tree = Settings.oneOf(where, "tree", options.tree, ["tag", "namespace"])
  if (tree === "namespace" && options.leftovers === "leave") {
    throw Settings.mustBe(where, "leftovers", `"kill" in a namespace, which ends with its program`, options.leftovers)
  }
  return {
    directory: path(where, "directory", options.directory),
    env: environmentOf(where, options.env),
    environment: Settings.oneOf(where, "environment", options.environment, ["extend", "replace"]),
    umask: umaskOf(where, options.umask),
    shell: path(where, "shell", options.shell),
    stdin: stdinOf(where, options.stdin),
    stdout: stdoutOf(where, "stdout", options.stdout),
    stderr: stdoutOf(where, "stderr", options.stderr),
    maxBytes: options.maxBytes === undefined ? 16 * 1024 * 1024 : Settings.whole(where, "maxBytes", options.maxBytes),
    overflow: Settings.oneOf(where, "overflow", options.overflow, ["fail", "head", "tail"]),
    okCodes: okCodesOf(where, options.okCodes),
    timeout: options.timeout === undefined ? Infinity : Settings.positiveMillis(where, "timeout", options.timeout),
    stop: stopOf(where, options.stop),
    leftovers: tree === "namespace" ? "kill" : Settings.oneOf(where, "leftovers", options.leftovers, ["leave", "kill"]),
    tree,
    record: path(where, "record", options.record)
  }
}

/** A text without a NUL, which would be cut off there. */
export const plain = (where: string, option: string, value: unknown): string => {
  if (typeof value === "string" && !value.includes("\0")) return value
  throw Settings.mustBe(where, option, "a string without a NUL", value)
}

const path = (where: string, option: string, value: unknown): string | undefined => {
  if (value === undefined) return undefined
  if (plain(where, option, value) === "") throw Settings.mustBe(where, option, "a string that is not empty", value)
  return value as string
}

const environmentOf = (where: string, value: Options["env"]): Spec["env"] => {
  if (value === undefined) return {}
  if (typeof value !== "object" || value === null) throw Settings.mustBe(where, "env", "an object", value)
  for (const [name, text] of Object.entries(value)) {
    if (name === "" || /[=\0]/.test(name)) throw Settings.mustBe(where, "env", "an object whose names hold no = and no NUL", name)
    if (text !== undefined) plain(where, `env.${name}`, text)
  }
  return { ...value }
}

const umaskOf = (where: string, value: unknown): number | undefined =>
  value === undefined
    ? undefined
    : Settings.number(where, "umask", value, "a whole number from 0 to 0o777", (n) => Number.isInteger(n) && n >= 0 && n <= 0o777)

const stdinOf = (where: string, value: Stdin | undefined): Stdin => {
  if (value === undefined || value === "ignore") return "ignore"
  if (value === "inherit" || value === "pipe") return value
  if (typeof value === "object" && value !== null && Object.keys(value).length === 1) {
    if ("text" in value && typeof value.text === "string") return value
    if ("bytes" in value && value.bytes instanceof Uint8Array) return value
    if ("file" in value) return { file: path(where, "stdin.file", value.file)! }
    if ("chunks" in value && isIterable(value.chunks)) return value
  }
  throw Settings.mustBe(where, "stdin", `"ignore", "inherit", "pipe", { text }, { bytes }, { chunks } or { file }`, value)
}

const isIterable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)

const stdoutOf = (where: string, option: "stdout" | "stderr", value: Stdout | undefined): Stdout => {
  if (value === undefined || value === "capture") return "capture"
  if (value === "inherit" || value === "ignore") return value
  if (typeof value === "object" && value !== null && "file" in value) {
    Settings.known(where, value, ["file", "write"])
    return {
      file: path(where, `${option}.file`, value.file)!,
      write: Settings.oneOf(where, `${option}.write`, value.write, ["truncate", "append"])
    }
  }
  throw Settings.mustBe(where, option, `"capture", "inherit", "ignore" or { file }`, value)
}

const okCodesOf = (where: string, value: unknown): ReadonlyArray<number> => {
  if (value === undefined) return [0]
  const isCode = (code: unknown): boolean => typeof code === "number" && Number.isInteger(code) && code >= 0 && code <= 255
  if (Array.isArray(value) && value.length > 0 && value.every(isCode)) return [...(value as Array<number>)]
  throw Settings.mustBe(where, "okCodes", "an array of at least one whole number from 0 to 255", value)
}

const stopOf = (where: string, value: Options["stop"]): Spec["stop"] => {
  if (value === undefined) return [{ signal: "SIGTERM", wait: 1_000 }]
  if (!Array.isArray(value)) throw Settings.mustBe(where, "stop", "an array of steps", value)
  return (value as ReadonlyArray<StopStep>).map((step, index) => {
    Settings.known(where, step, ["signal", "wait"])
    if (typeof step.signal !== "string" || !(step.signal in constants.signals))
      throw Settings.mustBe(where, `stop[${index}].signal`, "the name of a signal", step.signal)
    const wait = Settings.millis(where, `stop[${index}].wait`, step.wait)
    if (wait > longestTimer) throw Settings.mustBe(where, `stop[${index}].wait`, "a duration of at most 24 days", step.wait)
    return { signal: step.signal, wait }
  })
}

/** The options of a command that was given none; most have none. */
export const defaults: Options = Object.freeze({})
const defaultSpec = read("Command.make", { ...defaults })
