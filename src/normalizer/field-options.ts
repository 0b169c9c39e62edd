/** Which options of a rule go with which cast, and with each other. */
import type { Rule } from '#contracts';
import { conversionProblem, unitProblem } from './check-units.ts';
import type { FieldSetting } from './field.ts';
import { usableFactor } from './scale.ts';

export type CastName = NonNullable<Rule['cast']>;
export const timeCasts: readonly CastName[] = ['datetime', 'epoch_s', 'epoch_ms', 'epoch_us', 'epoch_ns'];
const numberCasts: readonly CastName[] = ['float', 'int64', 'decimal', 'duration_s'];

/** Reports options that mean nothing where they stand. */
export function checkOptions(rule: Rule, setting: FieldSetting, name: CastName): void {
  const { pointer, problem } = setting;
  if (name !== 'datetime') {
    for (const option of ['format', 'timezone', 'ambiguous'] as const) {
      if (rule[option] !== undefined)
        problem(
          `${pointer}/${option}`,
          `only a datetime has a ${option}, and this is cast to ${name}; leave it out, or write cast: datetime`,
        );
    }
  }
  for (const option of ['min', 'max', 'scale', 'convert', 'clamp', 'number_format'] as const) {
    if (rule[option] !== undefined && !numberCasts.includes(name))
      problem(
        `${pointer}/${option}`,
        `only a number has a ${option}, and this is cast to ${name}; leave it out, or write cast: float`,
      );
  }
  if (rule.number_format !== undefined && name === 'duration_s')
    problem(
      `${pointer}/number_format`,
      'a duration is written as ISO 8601 says, or as hours:minutes:seconds; leave this out',
    );
  if (rule.number_format !== undefined && (rule.number_format.decimal ?? '.') === rule.number_format.group)
    problem(
      `${pointer}/number_format`,
      'the decimal and the group separator are the same; write two, as { decimal: ",", group: "." }',
    );
  if (rule.clamp === true && rule.min === undefined && rule.max === undefined)
    problem(`${pointer}/clamp`, 'clamp needs a bound; write min, max or both, or leave clamp out');
  for (const option of ['earliest', 'latest'] as const) {
    if (rule[option] !== undefined && !timeCasts.includes(name))
      problem(
        `${pointer}/${option}`,
        `only a time has ${option}, and this is cast to ${name}; leave it out, or use min and max of a number`,
      );
  }
  if (rule.min !== undefined && rule.max !== undefined && rule.min > rule.max)
    problem(`${pointer}/min`, 'min is greater than max; swap them');
}

/** A factor or conversion that cannot be computed with is reported, and left out so that compiling can go on. */
export function checkedNumbers(rule: Rule, setting: FieldSetting): Rule {
  const { scale: _scale, convert: _convert, ...rest } = rule;
  if (rule.scale !== undefined && !usableFactor(rule.scale)) {
    setting.problem(
      `${setting.pointer}/scale`,
      'the factor is zero, or has too many digits; write one of at most 15 digits, as 0.3048',
    );
    return rest;
  }
  if (rule.convert === undefined) return rule;
  if (rule.scale !== undefined)
    setting.problem(
      `${setting.pointer}/convert`,
      'a rule has either scale or convert; leave scale out, as convert knows the factor',
    );
  const problem = conversionProblem(rule.convert) ?? unitProblem(rule.unit, rule.convert, '/unit');
  if (problem === undefined) return rule;
  setting.problem(`${setting.pointer}${problem.pointer}`, problem.message);
  return rest;
}
