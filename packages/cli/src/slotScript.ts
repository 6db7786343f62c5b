/** Writes what a slot's shell runs for one job, and reads its answer. */
import * as os from "node:os"

/** One word that a shell takes for exactly this text. */
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** What a shell accepts as the name of a variable; others it loses. */
export const isName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)

/** The descriptor that answers are written to. */
export const answersFd = 3

/** Read first by every shell. Signals that a job sends to its process group end the job and not the shell; the subshell of a job has the default actions again. */
export const prelude = "trap : HUP INT QUIT USR1 USR2 ALRM TERM\n"

export interface Words {
  readonly env: ReadonlyArray<readonly [name: string, value: string]>
  readonly program: string
  readonly args: ReadonlyArray<string>
  readonly stdin: string
  readonly stdout: string
  readonly stderr: string
}

/**
 * The job takes the place of a subshell. A simple command would start faster by a tenth, but then the shell writes its remarks on signals to the job's own standard error.
 */
export const script = ({ args, env, program, stderr, stdin, stdout }: Words): string => {
  let text = "("
  if (env.length > 0) {
    text += " export"
    for (const [name, value] of env) text += ` ${name}=${quote(value)}`
    text += ";"
  }
  text += ` exec ${quote(program)}`
  for (const arg of args) text += ` ${quote(arg)}`
  // The answers are closed first: a file that cannot be opened at once must not keep them open.
  return `${text} ) ${answersFd}>&- <${quote(stdin)} >${quote(stdout)} 2>${quote(stderr)}; echo $? >&${answersFd}\n`
}

const signals = new Map(Object.entries(os.constants.signals).map(([name, number]) => [number, name]))

/** The number of a signal. */
export const numberOf = (signal: NodeJS.Signals): number => os.constants.signals[signal]

/**
 * What a shell's `$?` says. A program that exits with 128 + n and one that the signal n has ended look the same there: where n is a signal it is taken for one, since programs pass on the codes of what they ran far more often than they make up such codes.
 */
export const endOf = (status: number): { readonly exitCode: number; readonly signal: number } =>
  status > 128 && signals.has(status - 128) ? { exitCode: 0, signal: status - 128 } : { exitCode: status, signal: 0 }
