/** Does pieces of work with commands: a small script that writes what happens to the same notes as the tasks of `flavours.ts`. */
import * as Command from "@skein/node/Command"
import * as Effect from "effect/Effect"
import type { Piece } from "./flavours.ts"

// Its cleanup is its handler of SIGTERM. That is there before the first note, so whoever has started is clean in the end.
const script = `
name=$1 path=$2 gate=$3 ends=$4 cleanup=$5
note() { echo "$name $1" >> "$path"; }
opened() { while [ -n "$1" ] && [ ! -e "$1" ]; do sleep 0.005; done; }
clean() { opened "$cleanup"; note "is clean"; }
asked() { trap '' TERM; note "is asked to stop"; clean; exit 143; }
trap asked TERM
note starts
opened "$gate"
trap '' TERM
clean
case $ends in
  value) echo "value of $name" ;;
  fail) echo "error of $name" >&2; exit 1 ;;
  exit) exit 3 ;;
  die) kill -s KILL $$ ;;
esac
`

/** So long that no slow machine is taken for a program that does not stop. */
export const patient: Command.Options = { stop: [{ signal: "SIGTERM", wait: "10 minutes" }] }

/** The command of a piece. `die` is a death by a signal. */
export const commandOf = ({ cleanup, ends = "value", gate = "", name, path }: Piece): Command.Command =>
  Command.make(script, [name, path, gate, ends, cleanup?.gate ?? ""], { ...patient, shell: "/bin/sh" })

/** A piece whose value is what its command wrote. */
export const work = (piece: Piece): Effect.Effect<string, Command.CommandError> => {
  const value = Effect.map(commandOf(piece), ({ stdout }) => stdout.trimEnd())
  return piece.uninterruptible === true ? Effect.uninterruptible(value) : value
}

/** Fails until it was run so many times. */
export const flaky = (path: string, times: number): Command.Command =>
  Command.make(`echo attempt >> "$1"; [ "$(wc -l < "$1")" -gt "$2" ] && echo at last`, [path, String(times)], { shell: "/bin/sh" })
