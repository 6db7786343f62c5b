/** Finds out what may be written to a stream: colours on a terminal that can show them, lines of any length where there is none. */
import { styleText } from "node:util"
import type { Look } from "./desk.ts"

/** `process.stdout` is one. */
export interface Window {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly hasColors?: (() => boolean) | undefined
}

export const make = (window: Window, env: Readonly<Record<string, string | undefined>> = process.env): Look => {
  const isTerminal = window.isTTY === true
  const colours = isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb" && (window.hasColors?.() ?? true)
  return {
    columns: isTerminal ? window.columns || 80 : undefined,
    paint: (style, text) => (colours && text !== "" ? styleText(style, text, { validateStream: false }) : text),
    now: Date.now
  }
}
