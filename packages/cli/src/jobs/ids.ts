/** Makes ids that people can type. */
import { randomInt } from "node:crypto"

/** Letters and digits that are not taken for each other. */
const letters = "23456789abcdefghjkmnpqrstuvwxyz"
/** Of 10,000 jobs in one store, two have the same id in one store of 12,000, and the engine refuses the second. */
const length = 8

/** A fresh id. It begins with a letter, so that it is never read as a number or as a flag. */
export const fresh = (): string => Array.from({ length }, (_, i) => letters[randomInt(i === 0 ? 8 : 0, letters.length)]).join("")
