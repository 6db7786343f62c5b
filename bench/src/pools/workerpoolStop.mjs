import workerpool from "workerpool"
import { die, loop } from "./stopPlain.ts"
workerpool.worker({ die, loop, add: ({ a, b }) => a + b })
