/** Commands as data: what the input of a job holds of one, and what a store keeps of that. */
import * as Command from "@skein/node/Command"
import * as Settings from "@skein/core/Settings"
import * as Duration from "effect/Duration"
import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Json } from "../../JobStore.ts"

/** A command as the input of a job: plain data where it can be, with places of results in it. */
export interface Form {
  readonly program: unknown
  readonly args: ReadonlyArray<unknown>
  readonly options: { readonly [option: string]: unknown }
}

/** What is data already is kept as it is; the rest gets a form that is. What has none stays and is refused by `encode`. */
export const formOf = (
  program: unknown,
  args: ReadonlyArray<unknown>,
  options: Command.Options | { readonly [option: string]: unknown }
): Form => {
  const plain: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) plain[name] = (toPlain[name] ?? same)(value)
  }
  return { program, args, options: plain }
}

const same = (value: unknown): unknown => value

const toPlain: { readonly [option: string]: ((value: never) => unknown) | undefined } & { readonly [option: string]: any } = {
  timeout: (value: Duration.Input) => millisOf(value),
  stop: (steps: unknown) =>
    Array.isArray(steps) ? steps.map((step: Command.StopStep) => ({ ...step, wait: millisOf(step.wait) })) : steps,
  env: (env: unknown) =>
    // A variable that is taken away: `undefined` is no data.
    typeof env === "object" && env !== null
      ? Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value === undefined ? null : (value as unknown)]))
      : env,
  stdin: (stdin: unknown) =>
    typeof stdin === "object" && stdin !== null && "bytes" in stdin && stdin.bytes instanceof Uint8Array
      ? { base64: Base64.encode(stdin.bytes) }
      : stdin
}

/** What is no duration is refused when the command is made. */
const millisOf = (value: Duration.Input): unknown => {
  const duration = Result.getOrUndefined(Result.try(() => Duration.fromInputUnsafe(value)))
  if (duration === undefined) return value
  return Duration.isFinite(duration) ? Duration.toMillis(duration) : "Infinity"
}

/** Makes the command. The places of the form are filled. */
export const commandOf = (where: string, { args, options, program }: Form, more: Command.Options = {}): Command.Command => {
  const given: Record<string, unknown> = { ...options }
  if (given["env"] !== undefined) {
    const env = Object.entries(given["env"] as object)
    given["env"] = Object.fromEntries(
      env.map(([name, value]) => [name, value === null ? undefined : oneWord(where, `options.env.${name}`, value)])
    )
  }
  const stdin = given["stdin"]
  if (typeof stdin === "object" && stdin !== null) {
    if ("base64" in stdin) given["stdin"] = { bytes: Result.getOrThrow(Base64.decode(String(stdin.base64))) }
    else if ("text" in stdin) given["stdin"] = { text: oneWord(where, "options.stdin.text", stdin.text, "whole") }
  }
  const words = args.flatMap((arg, index): ReadonlyArray<Command.Word> => {
    const option = `args[${index}]`
    return Array.isArray(arg) ? arg.map((word) => oneWord(where, option, word)) : [wordOf(where, option, arg)]
  })
  return Command.make(oneWord(where, "program", program), words, { ...more, ...given })
}

const wordOf = (where: string, option: string, value: unknown): Command.Word =>
  Redacted.isRedacted(value) ? (value as Command.Word) : oneWord(where, option, value)

/** A text, a number, or what another command wrote: without the line ends at its end, as a shell has it, unless the whole is wanted. */
const oneWord = (where: string, option: string, value: unknown, written: "line" | "whole" = "line"): string => {
  if (typeof value === "string") return value
  if (typeof value === "number" && Number.isFinite(value)) return String(value)
  if (!isOutput(value)) throw new TypeError(Settings.mustBe(where, option, "a string, a number or the output of a command", value).message)
  if (value.dropped.stdout > 0)
    throw new RangeError(`${where}: ${option} must be the whole output of a command, got its last bytes only; raise its maxBytes`)
  return written === "whole" ? value.stdout : value.stdout.replace(/(?:\r?\n)+$/, "")
}

const isOutput = (value: unknown): value is Command.Output =>
  typeof value === "object" && value !== null && "stdout" in value && "exitCode" in value && "dropped" in value

/** Writes a form without places. Throws for what is no data. */
export const encodeForm = (form: Form): Json => {
  form.args.forEach((arg, index) => {
    if (Redacted.isRedacted(arg)) throw new TypeError(`args[${index}] is a secret, which a store would keep for everybody to read`)
  })
  const { stdin } = form.options
  if (typeof stdin === "object" && stdin !== null && "chunks" in stdin)
    throw new TypeError("options.stdin is a source of this process, and no data")
  return plainOf(form, "")
}

/** Writes a command. Throws for what is no data: secrets, and sources of this process. */
export const encodeCommand = (command: Command.Command): Json => encodeForm(formOf(command.program, command.args, command.options))

/** Makes the command again that was written. Throws for what is none. */
export const decodeCommand = (json: Json): Command.Command => commandOf("Command.make", decodeForm(json))

export const decodeForm = (json: Json): Form => {
  const { args, options, program } = recordOf("a command", json)
  if (typeof program !== "string" || !Array.isArray(args)) throw new TypeError(`what was kept is no command: ${JSON.stringify(json)}`)
  return { program, args: args as ReadonlyArray<unknown>, options: recordOf("a command", options) }
}

const plainOf = (value: unknown, path: string): Json => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value
  if (typeof value === "number" && Number.isFinite(value)) return value
  if (Array.isArray(value)) return value.map((item, index) => plainOf(item, `${path}[${index}]`))
  if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value) as null)) {
    const entries = Object.entries(value as object).filter(([, item]) => item !== undefined)
    return Object.fromEntries(entries.map(([name, item]) => [name, plainOf(item, path === "" ? name : `${path}.${name}`)]))
  }
  throw new TypeError(`${path} is no data`)
}

export const recordOf = (what: string, json: unknown): { readonly [name: string]: unknown } => {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as { readonly [name: string]: unknown }
  throw new TypeError(`what was kept is not ${what}: ${JSON.stringify(json)}`)
}
