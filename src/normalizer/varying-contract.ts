import { Ajv2020, type AnySchemaObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { type RecordKind, schemas } from '#contracts';

/**
 * The members of a canonical record that differ from record to record of a batch; all others stand once in the batch. Its id and its
 * hash differ too, but are digests of our own making: the first record of a batch shows their form, and the encoder throws at any other.
 */
const varying = new Set(['name', 'ts', 'dimensions', 'measures', 'exact', 'value', 'unit', 'provenance']);
const varyingProvenance = new Set(['byte_start', 'byte_end', 'row']);

/** Keywords under which an object is valid exactly when each member is, so that members may be validated apart. */
const memberwise = new Set([
  '$schema',
  '$id',
  'title',
  'description',
  'type',
  'additionalProperties',
  'required',
  'properties',
]);

const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true });
const compiled = new Map<RecordKind, ValidateFunction | undefined>();

/**
 * The canonical contract of a kind, cut down to the members that vary: derived from the contract itself, for records whose other members
 * the whole contract has accepted already. Undefined should a contract ever relate members to each other; then only the whole contract will do.
 */
export function varyingContract(kind: RecordKind): ValidateFunction | undefined {
  if (!compiled.has(kind)) compiled.set(kind, compile(kind));
  return compiled.get(kind);
}

function compile(kind: RecordKind): ValidateFunction | undefined {
  const contract = schemas[`canonical/${kind}`] as AnySchemaObject;
  const provenance = schemas['canonical/provenance'] as AnySchemaObject;
  if (![contract, provenance].every((schema) => Object.keys(schema).every((keyword) => memberwise.has(keyword))))
    return undefined;
  if (ajv.getSchema(schemas.common.$id) === undefined) ajv.addSchema(schemas.common);
  const part = restrict(contract, varying);
  part.properties.provenance = restrict(provenance, varyingProvenance);
  // Beside the contract, so that its relative references lead where they did.
  part.$id = schemas[`canonical/${kind}`].$id.replace('.json', '.varying.json');
  return ajv.compile(part);
}

function restrict(schema: AnySchemaObject, members: ReadonlySet<string>): AnySchemaObject {
  const { $id: _, ...rest } = schema;
  const properties = Object.fromEntries(
    Object.entries(schema.properties as object).filter(([name]) => members.has(name)),
  );
  return { ...rest, properties, required: (schema.required as string[]).filter((name) => members.has(name)) };
}
