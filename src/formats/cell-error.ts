/** A cell of a spreadsheet that holds an error such as `#REF!`: no value of any type. */
export class CellError {
  readonly code: string;
  constructor(code: string) {
    this.code = code;
  }
}
