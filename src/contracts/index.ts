/**
 * The truth about shapes: types generated from contracts/v1, and validators compiled from the same files.
 * Nothing crosses a boundary without one of these validators having accepted it.
 */
export type * from './v1/types.ts';
export { schemas } from './v1/schemas.ts';
export type { Violation } from './explain.ts';
export { validator, type ContractName, type ContractTypes, type Validator } from './validate.ts';
