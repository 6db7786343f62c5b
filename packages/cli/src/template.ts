/** Reads a command with replacement strings once, and renders it for each input. */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { Input } from "./job.ts"
import { nearest } from "./suggest.ts"

/** The template names what there is not, or cannot be made safe, or says nothing about where the input goes. The message is for people. */
export class TemplateError extends Data.TaggedError("TemplateError")<{
  readonly reason: "no-command" | "no-replacement" | "unknown-field" | "no-such-value" | "unsafe" | "unfinished" | "unusable"
  readonly message: string
}> {}

export const templateError = (reason: TemplateError["reason"], message: string): TemplateError => new TemplateError({ reason, message })

/** What a template can name. */
export interface Scope {
  /** `records`: inputs have fields. */
  readonly kind: "values" | "records"
  /** The fields of every record, where known. */
  readonly names?: ReadonlyArray<string> | undefined
  /** How many values each input has, where known. */
  readonly width?: number | undefined
  /** Stands for the input, instead of `{}`. */
  readonly replacement?: string | undefined
}

/** What a replacement string stands for. */
export interface Reference {
  readonly of:
    | { readonly kind: "all" | "seq" | "slot" }
    /** From 1; negative ones count from the end. */
    | { readonly kind: "value"; readonly index: number }
    | { readonly kind: "field"; readonly name: string }
  /** What is left of a value that is a path: `.` without its extension, `/` its last part, `//` the folder, `/.` the last part without its extension. */
  readonly path: "" | "." | "/" | "//" | "/."
  /** As it was written. */
  readonly text: string
}

type Piece = string | Reference

/** A replacement string, or braces that are meant literally, at a place of a text. */
export interface Match {
  readonly piece: Piece
  readonly length: number
}

const paths = /(?:\/\.|\/\/|\/|\.)?$/
const numbered = /^-?[1-9]\d{0,5}$/
/** What counts as the name of a field, where the fields are not known, or as an attempt at one, where they are. Anything else in braces is left to the program: `{print $1}`, `{a,b}`, `{"x":1}`. */
const nameLike = /^[\p{L}_][\p{L}\p{N}_-]*(?:\.[\p{L}\p{N}_-]+)*$/u

/** What stands between two braces; nothing where it is none of ours. */
const recognise = (inside: string, text: string, scope: Scope): Reference | "unknown-field" | undefined => {
  if (inside === "#") return { of: { kind: "seq" }, path: "", text }
  if (inside === "%") return { of: { kind: "slot" }, path: "", text }
  if (scope.kind === "records" && scope.names?.includes(inside) === true) return { of: { kind: "field", name: inside }, path: "", text }
  const path = paths.exec(inside)![0] as Reference["path"]
  const base = inside.slice(0, inside.length - path.length)
  if (base === "") return scope.replacement === undefined || path !== "" ? { of: { kind: "all" }, path, text } : undefined
  if (numbered.test(base)) return { of: { kind: "value", index: Number(base) }, path, text }
  if (scope.kind === "values") return undefined
  if (scope.names === undefined) return nameLike.test(base) ? { of: { kind: "field", name: base }, path, text } : undefined
  if (scope.names.includes(base)) return { of: { kind: "field", name: base }, path, text }
  return nameLike.test(base) ? "unknown-field" : undefined
}

const asked = (name: string, names: ReadonlyArray<string>): string => {
  const meant = nearest(name, names)
  const shown = names.slice(0, 20).map((known) => `{${known}}`)
  const list = names.length > shown.length ? `${shown.join(" ")} and ${names.length - shown.length} more` : shown.join(" ")
  return `${meant === undefined ? "" : `; did you mean {${meant}}?`}${names.length === 0 ? "" : `; there are ${list}`}`
}

const keeps = (text: string): string => `write {${text}} to keep the braces`

/**
 * The replacement string that begins here. Doubled braces around what would be one are one pair of braces; other braces are nobody's.
 *
 * @throws TemplateError where it names what no input has
 */
export const matchAt = (text: string, at: number, scope: Scope): Match | undefined => {
  const { names, replacement, width } = scope
  if (replacement !== undefined && text.startsWith(replacement, at))
    return { piece: { of: { kind: "all" }, path: "", text: replacement }, length: replacement.length }
  if (text[at] !== "{") return undefined
  const doubled = text[at + 1] === "{"
  const from = doubled ? at + 2 : at + 1
  const end = text.indexOf("}", from)
  if (end === -1) return undefined
  const inside = text.slice(from, end)
  const whole = `{${inside}}`
  const found = recognise(inside, whole, scope)
  if (found === undefined) return undefined
  // `{{}` alone is a brace and a replacement: the caller comes by again at the second one.
  if (doubled) return text[end + 1] === "}" ? { piece: whole, length: whole.length + 2 } : undefined
  if (found === "unknown-field") {
    const base = inside.slice(0, inside.length - paths.exec(inside)![0].length)
    throw templateError("unknown-field", `no field is called ${JSON.stringify(base)}${asked(base, names!)}; ${keeps(whole)}`)
  }
  if (found.of.kind === "value" && width !== undefined && Math.abs(found.of.index) > width) {
    const has = width === 1 ? "one value" : `${width} values`
    throw templateError("no-such-value", `${whole} asks for value ${found.of.index}, and an input has ${has}; ${keeps(whole)}`)
  }
  return { piece: found, length: whole.length }
}

/** Calls a reader that throws template errors. */
export const caught = <A>(read: () => A): Result.Result<A, TemplateError> => {
  try {
    return Result.succeed(read())
  } catch (error) {
    if (error instanceof TemplateError) return Result.fail(error)
    throw error
  }
}

// Searches from the end, not expressions: these would take the square of the length of a long value.
const withoutSlashes = (value: string): string => {
  let end = value.length
  while (end > 1 && value[end - 1] === "/") end--
  return value.slice(0, end)
}
const lastPart = (value: string): string => {
  const path = withoutSlashes(value)
  return path.slice(path.lastIndexOf("/") + 1)
}
const folder = (value: string): string => {
  const path = withoutSlashes(value)
  const slash = path.lastIndexOf("/")
  return slash === -1 ? "." : withoutSlashes(path.slice(0, slash + 1))
}
const bare = (value: string): string => {
  const dot = value.lastIndexOf(".")
  const from = value.lastIndexOf("/") + 1
  return dot > from && /[^.]/.test(value.slice(from, dot)) ? value.slice(0, dot) : value
}

/** As GNU parallel has it, but for hidden files, which are no extension of nothing, and for `/` at the end, which names the folder before it, as in `basename`. */
const cutPath = (value: string, path: Reference["path"]): string => {
  switch (path) {
    case "":
      return value
    case ".":
      return bare(value)
    case "/":
      return lastPart(value)
    case "//":
      return folder(value)
    case "/.":
      return bare(lastPart(value))
  }
}

/** What a reference stands for: one value, or all of them. A value that a last, shorter job lacks is empty. */
export const valuesOf = ({ of, path }: Reference, input: Input, seq: number, slot: number | string): ReadonlyArray<string> => {
  switch (of.kind) {
    case "all":
      return path === "" ? input.values : input.values.map((value) => cutPath(value, path))
    case "value":
      return [cutPath(input.values.at(of.index > 0 ? of.index - 1 : of.index) ?? "", path)]
    case "field":
      return [cutPath(input.fields?.[of.name] ?? "", path)]
    case "seq":
      return [String(seq)]
    case "slot":
      return [String(slot)]
  }
}

/** What can be known to be there only when the input is: fields that no header names, values of lines that are cut into columns. */
export const needsOf = (references: ReadonlyArray<Reference>, scope: Scope): ReadonlyArray<Reference> =>
  references.filter(({ of }) => of.kind === "field" || (of.kind === "value" && scope.width === undefined))

/** What an input lacks of what a template needs. */
export const missing = (needs: ReadonlyArray<Reference>, { fields, values }: Input, seq: number): TemplateError | undefined => {
  for (const { of, text } of needs) {
    if (of.kind === "value" && Math.abs(of.index) > values.length) {
      const has = values.length === 1 ? "one value" : `${values.length} values`
      return templateError("no-such-value", `input ${seq} has ${has}, and ${text} asks for value ${of.index}; ${keeps(text)}`)
    }
    if (of.kind !== "field" || (fields !== undefined && Object.hasOwn(fields, of.name))) continue
    const lacks = `has no field ${JSON.stringify(of.name)}`
    if (fields === undefined) return templateError("unknown-field", `input ${seq} is no object, and ${lacks}`)
    return templateError("unknown-field", `input ${seq} ${lacks}${asked(of.name, Object.keys(fields))}; ${keeps(text)}`)
  }
  return undefined
}

/** A word of the command: constant, all values as arguments of their own, or put together. */
type Word = string | Reference | ReadonlyArray<Piece>

const isFixed = (word: Word): word is string => typeof word === "string"
const isPieces = (word: Word): word is ReadonlyArray<Piece> => Array.isArray(word)

const readWord = (text: string, scope: Scope): Word => {
  const pieces: Array<Piece> = []
  let plain = ""
  for (let at = 0; at < text.length;) {
    const found = matchAt(text, at, scope)
    if (found === undefined || typeof found.piece === "string") {
      plain += found === undefined ? text[at]! : (found.piece as string)
      at += found?.length ?? 1
      continue
    }
    if (plain !== "") pieces.push(plain)
    plain = ""
    pieces.push(found.piece)
    at += found.length
  }
  if (pieces.length === 0) return plain
  if (plain !== "") pieces.push(plain)
  return pieces.length === 1 ? (pieces[0] as Reference) : pieces
}

export interface Template {
  /** The program and its arguments. */
  readonly render: (input: Input, seq: number, slot: number | string) => ReadonlyArray<string>
  /** To be looked for in each input, with `missing`. */
  readonly needs: ReadonlyArray<Reference>
}

/** Programs that read the word after `-c` as code. */
const shells: ReadonlySet<string> = new Set(["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "busybox", "su"])

export const isShell = (program: string): boolean => shells.has(program.slice(program.lastIndexOf("/") + 1))

/** A word such as `-c` or `-ec`. */
export const takesCode = /^-[A-Za-z]*c$/

/** `sh -c 'rm {}'` would make code of values. A whole word is another thing: who writes `sh -c {}` wants inputs to be code. */
const refuseCode = (words: ReadonlyArray<Word>): void => {
  let shell: string | undefined
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const before = words[i - 1]
    if (isPieces(word) && shell !== undefined && before !== undefined && isFixed(before) && takesCode.test(before)) {
      throw templateError(
        "unsafe",
        `a replacement inside the script of ${shell} ${before} would make code of the input; use --shell, or ${shell} ${before} 'command "$1"' ${shell} {}`
      )
    }
    if (isFixed(word) && isShell(word)) shell = word
  }
}

export const noReplacement = (scope: Scope): TemplateError =>
  templateError(
    "no-replacement",
    `the command names no field of the records${scope.names === undefined ? "" : `; there are ${scope.names.map((name) => `{${name}}`).join(" ")}`}; {} is the whole record`
  )

/** Reads a command. Without a replacement string, `{}` is put behind it; `{#}` and `{%}` are some, as for GNU parallel. */
export const parse = (command: ReadonlyArray<string>, scope: Scope, append: "input" | "nothing"): Result.Result<Template, TemplateError> =>
  caught(() => {
    if (command.length === 0) throw templateError("no-command", "there is no command to run")
    if (scope.replacement === "") throw templateError("unusable", "the replacement string (-I) is empty")
    const words = command.map((word) => readWord(word, scope))
    if (append === "input" && !words.some((word) => !isFixed(word))) {
      if (scope.kind === "records") throw noReplacement(scope)
      words.push({ of: { kind: "all" }, path: "", text: "{}" })
    }
    refuseCode(words)
    const references = words.flatMap((word) => (isPieces(word) ? word : [word])).filter((piece) => typeof piece !== "string")
    return { needs: needsOf(references, scope), render: (input, seq, slot) => render(words, input, seq, slot) }
  })

const render = (words: ReadonlyArray<Word>, input: Input, seq: number, slot: number | string): ReadonlyArray<string> => {
  const args: Array<string> = []
  for (const word of words) {
    if (isFixed(word)) args.push(word)
    else if (isPieces(word)) {
      let text = ""
      for (const piece of word) text += typeof piece === "string" ? piece : valuesOf(piece, input, seq, slot).join(" ")
      args.push(text)
    } else for (const value of valuesOf(word, input, seq, slot)) args.push(value)
  }
  return args
}
