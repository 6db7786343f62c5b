/**
 * Reads a shell script with replacement strings, and puts references to variables in their place, so that the text of the script never depends on the input: values cannot become code.
 *
 * What shells read again, whatever the quotes, is refused: arithmetic, subscripts, `eval` and its kin, back-quotes, the script of an inner `sh -c`. What a script does with a value later is its own affair: after `v={}`,
 * `$((v))` evaluates it, and `ssh host "$v"` sends it to another shell.
 */
import * as Result from "effect/Result"
import * as CommandLine from "effect/process/CommandLine"
import type { Input } from "./job.ts"
import type { Place } from "./shellReader.ts"
import * as reader from "./shellReader.ts"
import { caught, needsOf, noReplacement, type Reference, type Scope, templateError, type TemplateError, valuesOf } from "./template.ts"

export interface ShellTemplate {
  /** The script, and the parameters that it is given. */
  readonly render: (
    input: Input,
    seq: number,
    slot: number | string
  ) => { readonly script: string; readonly parameters: ReadonlyArray<string> }
  /** The script as one would type it for this input. */
  readonly text: (input: Input, seq: number) => string
  /** To be looked for in each input, with `missing`. */
  readonly needs: ReadonlyArray<Reference>
}

/** The shells that read scripts as POSIX says. */
const known: ReadonlySet<string> = new Set(["sh", "bash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "yash", "busybox"])

/** Reads a script for a shell. Without a replacement string, `{}` is put behind it, where it would be an argument. */
export const parse = (
  script: string,
  shell: string,
  scope: Scope,
  append: "input" | "nothing"
): Result.Result<ShellTemplate, TemplateError> =>
  caught(() => {
    const name = shell.slice(shell.lastIndexOf("/") + 1)
    if (!known.has(name))
      throw templateError("unsafe", `${JSON.stringify(name)} is not known to read scripts as POSIX says; use sh, bash, zsh or ksh`)
    if (script.trim() === "") throw templateError("no-command", "there is no command to run")
    if (scope.replacement === "") throw templateError("unusable", "the replacement string (-I) is empty")
    let read = reader.read(script, name, scope)
    if (append === "input" && !read.pieces.some((piece) => typeof piece !== "string")) {
      if (scope.kind === "records") throw noReplacement(scope)
      if (!read.endsInArguments)
        throw templateError(
          "no-replacement",
          "the script does not say where the input goes, and does not end with a command; write {} where it belongs"
        )
      read = reader.read(`${script} ${scope.replacement ?? "{}"}`, name, scope)
    }
    return templateOf(read.pieces, scope)
  })

/** One parameter of the script: a reference with all its values in one, or its value of that index. */
interface Parameter {
  readonly reference: Reference
  readonly part: number | undefined
}

interface Compiled {
  readonly script: string
  readonly parameters: ReadonlyArray<Parameter>
}

const spreads = ({ quotes, reference }: Place): boolean => quotes === "words" && reference.of.kind === "all"

/** The script for inputs of so many values: it depends on nothing else of them. */
const compile = (pieces: ReadonlyArray<string | Place>, count: number): Compiled => {
  // What is asked for several times is one variable.
  const parameters = new Map<string, Parameter & { readonly index: number }>()
  const variable = (reference: Reference, part?: number): string => {
    const key = part === undefined ? reference.text : `${reference.text} ${part}`
    const found = parameters.get(key) ?? { reference, part, index: parameters.size + 1 }
    parameters.set(key, found)
    return `\${skein_${found.index}}`
  }
  let body = ""
  for (const piece of pieces) {
    if (typeof piece === "string") body += piece
    else if (spreads(piece) && count > 1)
      body += Array.from({ length: count }, (_, part) => `"${variable(piece.reference, part)}"`).join(" ")
    else if (piece.quotes === "double" || piece.quotes === "here") body += variable(piece.reference)
    else if (piece.quotes === "single") body += `'"${variable(piece.reference)}"'`
    else body += `"${variable(piece.reference)}"`
  }
  // Variables, since functions have parameters of their own, and `set` changes those of the script. On one line with the first of the script, so that a shell's messages name the right one.
  const names = Array.from(parameters.keys(), (_, i) => `skein_${i + 1}=\${${i + 1}}`)
  const script = names.length === 0 ? body : `${names.join(" ")}; shift ${names.length}; ${body}`
  return { script, parameters: [...parameters.values()] }
}

const templateOf = (pieces: ReadonlyArray<string | Place>, scope: Scope): ShellTemplate => {
  // Of the last number of values only: records may have as many as they like, and most runs know one number, and a smaller one at the end.
  let last: { readonly count: number; readonly compiled: Compiled } | undefined
  const compiledFor = (count: number): Compiled => {
    if (last?.count !== count) last = { count, compiled: compile(pieces, count) }
    return last.compiled
  }
  return {
    needs: needsOf(
      pieces.flatMap((piece) => (typeof piece === "string" ? [] : [piece.reference])),
      scope
    ),
    render: (input, seq, slot) => {
      const { parameters, script } = compiledFor(input.values.length)
      const parts = parameters.map(({ part, reference }) => {
        const values = valuesOf(reference, input, seq, slot)
        return part === undefined ? values.join(" ") : values[part]!
      })
      return { script, parameters: parts }
    },
    text: (input, seq) => {
      let text = ""
      for (const piece of pieces) {
        if (typeof piece === "string") {
          text += piece
          continue
        }
        const values = valuesOf(piece.reference, input, seq, "{%}")
        if (spreads(piece)) text += values.map(quoted).join(" ")
        else text += around(quoted(values.join(" ")), values.join(" "), piece.quotes)
      }
      return text
    }
  }
}

/** Not for values with a NUL, which no input has. */
const quoted = (value: string): string => Result.getOrElse(CommandLine.quote(value), () => "''")

const around = (quoted: string, value: string, quotes: Place["quotes"]): string => {
  switch (quotes) {
    case "words":
    case "none":
      return quoted
    case "double":
      return `"${quoted}"`
    case "single":
      return `'${quoted}'`
    case "here":
      return value
  }
}
