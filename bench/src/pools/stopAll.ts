/** The module that piscina and tinypool load in `flavourCancel.ts` and `flavourRecovery.ts`. */
export { add } from "./add.ts"
export { die, locked, loop } from "./stopPlain.ts"
