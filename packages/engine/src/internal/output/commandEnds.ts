/** What a store keeps of what a command gave, and of why it failed. */
import * as Command from "@skein/node/Command"
import * as Duration from "effect/Duration"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { Json } from "../../JobStore.ts"
import type { Codecs } from "../work.ts"
import { recordOf } from "./commandForm.ts"

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true })
const encoder = new TextEncoder()

/** Text as it is, other bytes in Base64. */
const encodeBytes = (bytes: Uint8Array): Json => {
  try {
    return utf8.decode(bytes)
  } catch {
    return { base64: Base64.encode(bytes) }
  }
}

const lenient = new TextDecoder("utf-8", { ignoreBOM: true })

const decodeBytes = (json: unknown): { readonly text: string; readonly bytes: Uint8Array } => {
  if (typeof json === "string") return { text: json, bytes: encoder.encode(json) }
  const bytes = Result.getOrThrow(Base64.decode(textOf(recordOf("bytes", json)["base64"])))
  return { text: lenient.decode(bytes), bytes }
}

const textOf = (json: unknown): string => {
  if (typeof json === "string") return json
  throw new TypeError(`what was kept is no text: ${JSON.stringify(json)}`)
}

const numberOf = (json: unknown): number => {
  if (typeof json === "number") return json
  throw new TypeError(`what was kept is no number: ${JSON.stringify(json)}`)
}

const encodeOutput = (output: Command.Output): Json => ({
  exitCode: output.exitCode,
  stdout: encodeBytes(output.stdoutBytes),
  stderr: encodeBytes(output.stderrBytes),
  dropped: { ...output.dropped },
  pid: output.pid,
  ranFor: Duration.toMillis(output.ranFor)
})

const decodeOutput = (json: Json): Command.Output => {
  const { dropped, exitCode, pid, ranFor, stderr, stdout } = recordOf("the output of a command", json)
  const out = decodeBytes(stdout)
  const err = decodeBytes(stderr)
  const left = recordOf("the output of a command", dropped)
  return {
    exitCode: numberOf(exitCode),
    stdout: out.text,
    stderr: err.text,
    stdoutBytes: out.bytes,
    stderrBytes: err.bytes,
    dropped: { stdout: numberOf(left["stdout"]), stderr: numberOf(left["stderr"]) },
    pid: numberOf(pid),
    ranFor: Duration.millis(numberOf(ranFor))
  }
}

// Why it failed

const reasons = {
  NotFound: Command.NotFound,
  NoDirectory: Command.NoDirectory,
  PermissionDenied: Command.PermissionDenied,
  FileFailed: Command.FileFailed,
  NoNamespace: Command.NoNamespace,
  SpawnFailed: Command.SpawnFailed,
  NonZeroExit: Command.NonZeroExit,
  Signaled: Command.Signaled,
  TimedOut: Command.TimedOut,
  OutputTooLarge: Command.OutputTooLarge,
  StdinFailed: Command.StdinFailed,
  Lost: Command.Lost
} as const satisfies { readonly [Tag in Command.Reason["_tag"]]: unknown }

/** The fields of each reason, with what its constructor takes; messages that follow from the others are none. */
const fields: { readonly [Tag in Command.Reason["_tag"]]: ReadonlyArray<string> } = {
  NotFound: ["program", "message"],
  NoDirectory: ["directory", "message"],
  PermissionDenied: ["path", "message"],
  FileFailed: ["of", "path", "code", "message"],
  NoNamespace: ["message"],
  SpawnFailed: ["code", "message"],
  NonZeroExit: ["code", "stdout", "stderr"],
  Signaled: ["signal", "stdout", "stderr"],
  TimedOut: ["after", "ended", "stdout", "stderr"],
  OutputTooLarge: ["stream", "maxBytes", "ended"],
  StdinFailed: ["cause", "ended"],
  Lost: ["message"]
}

const encodeError = (error: Command.CommandError): Json => {
  const reason = error.reason as Command.Reason & { readonly [field: string]: unknown }
  const kept = fields[reason._tag].map((field): [string, Json] => [field, encodeField(reason[field])])
  return { command: error.command, reason: { _tag: reason._tag, ...Object.fromEntries(kept) } }
}

const encodeField = (value: unknown): Json => {
  if (typeof value === "string" || typeof value === "number") return value
  if (Duration.isDuration(value)) return { millis: Duration.toMillis(value) }
  if (value instanceof Error) return { name: value.name, error: value.message }
  try {
    return String(value)
  } catch {
    return "an object without a text"
  }
}

const decodeError = (json: Json): Command.CommandError => {
  const { command, reason } = recordOf("the error of a command", json)
  const { _tag, ...kept } = recordOf("the reason of a command's failure", reason)
  if (typeof _tag !== "string" || !Object.hasOwn(reasons, _tag))
    throw new TypeError(`unknown reason of a command's failure: ${String(_tag)}`)
  const tag = _tag as Command.Reason["_tag"]
  const values = fields[tag].map((field) => {
    if (!Object.hasOwn(kept, field)) throw new TypeError(`what was kept of ${tag} lacks ${field}`)
    return [field, decodeField(kept[field])]
  })
  const Class = reasons[tag] as new (values: object) => Command.Reason
  return new Command.CommandError({ command: textOf(command), reason: new Class(Object.fromEntries(values)) })
}

const decodeField = (json: unknown): unknown => {
  if (typeof json !== "object" || json === null) return json
  if ("millis" in json) return Duration.millis(numberOf(json.millis))
  const { error, name } = recordOf("an error", json)
  return Object.defineProperty(new Error(textOf(error)), "name", { value: textOf(name), configurable: true, writable: true })
}

/** The codecs of what a command gives and of what it fails with. */
export const codecs: Codecs = {
  success: { encode: encodeOutput as (value: unknown) => Json, decode: decodeOutput },
  error: { encode: encodeError as (value: unknown) => Json, decode: decodeError }
}
