/** Units that numbers can be converted between: each as a linear function of its quantity's base unit, in exact numbers. */
import { type Linear, type Rational, linear, rational } from './linear.ts';

export interface Unit {
  /** The name that stands in messages and, when the profile gives no other, in records. */
  symbol: string;
  quantity: string;
  /** A value of this unit times `factor`, plus `offset`, is one of the base unit. */
  factor: Rational;
  offset: Rational;
}

/** Symbols (the first is the name, the others mean the same), then the factor to the base unit, then its offset. */
type Row = readonly [symbols: string, factor: string, offset?: string];

const twoPi = '6.283185307179586476925286766559005768394';
const poundForce = '4.4482216152605';

/** Factors are by definition (SI, international yard and pound, US and imperial gallon); those with a slash have no finite decimal. */
const quantities: Record<string, readonly Row[]> = {
  temperature: [
    ['K', '1'],
    ['degC °C Cel', '1', '273.15'],
    ['degF °F [degF]', '5/9', '2298.35/9'],
    ['degR °R [degR]', '5/9'],
  ],
  length: [
    ['nm', '1e-9'],
    ['um µm μm', '1e-6'],
    ['mm', '0.001'],
    ['cm', '0.01'],
    ['dm', '0.1'],
    ['m', '1'],
    ['km', '1000'],
    ['in [in_i]', '0.0254'],
    ['ft [ft_i]', '0.3048'],
    ['yd [yd_i]', '0.9144'],
    ['mi [mi_i]', '1609.344'],
    ['nmi [nmi_i]', '1852'],
  ],
  mass: [
    ['ug µg μg', '1e-9'],
    ['mg', '1e-6'],
    ['g', '0.001'],
    ['kg', '1'],
    ['t', '1000'],
    ['lb [lb_av]', '0.45359237'],
    ['oz [oz_av]', '0.028349523125'],
    ['oz_t [oz_tr]', '0.0311034768'],
    ['st', '6.35029318'],
    ['ton_us', '907.18474'],
    ['ton_uk', '1016.0469088'],
  ],
  speed: [
    ['m/s', '1'],
    ['cm/s', '0.01'],
    ['km/h', '5/18'],
    ['mph mi/h', '0.44704'],
    ['kn kt [kn_i]', '463/900'],
    ['ft/s', '0.3048'],
    ['ft/min', '0.00508'],
  ],
  pressure: [
    ['Pa', '1'],
    ['hPa', '100'],
    ['kPa', '1000'],
    ['MPa', '1000000'],
    ['bar', '100000'],
    ['mbar', '100'],
    ['atm', '101325'],
    ['psi [psi]', `${poundForce}/0.00064516`],
    ['mmHg mm[Hg]', '133.322387415'],
    ['inHg [in_i]Hg', '3386.388640341'],
    ['Torr', '101325/760'],
    ['cmH2O', '98.0665'],
  ],
  energy: [
    ['J', '1'],
    ['kJ', '1000'],
    ['MJ', '1000000'],
    ['GJ', '1e9'],
    ['TJ', '1e12'],
    ['Wh W.h', '3600'],
    ['kWh kW.h', '3600000'],
    ['MWh', '3.6e9'],
    ['GWh', '3.6e12'],
    ['TWh', '3.6e15'],
    ['cal', '4.184'],
    ['kcal', '4184'],
    ['BTU', '1055.05585262'],
    ['MMBTU', '1055055852.62'],
    ['toe', '41868000000'],
    ['eV', '1.602176634e-19'],
  ],
  power: [
    ['mW', '0.001'],
    ['W', '1'],
    ['kW', '1000'],
    ['MW', '1000000'],
    ['GW', '1e9'],
    ['hp [HP]', `550*0.3048*${poundForce}`],
    ['PS', '735.49875'],
    ['BTU/h', '1055.05585262/3600'],
  ],
  volume: [
    ['mm3 mm³', '1e-9'],
    ['mL ml cm3 cm³', '1e-6'],
    ['cL cl', '1e-5'],
    ['dL dl', '1e-4'],
    ['L l', '0.001'],
    ['hL hl', '0.1'],
    ['m3 m³', '1'],
    ['km3 km³', '1e9'],
    ['in3 in³', '0.000016387064'],
    ['ft3 ft³', '0.028316846592'],
    ['yd3 yd³', '0.764554857984'],
    ['fl_oz [foz_us]', '0.0000295735295625'],
    ['pt [pt_us]', '0.000473176473'],
    ['qt [qt_us]', '0.000946352946'],
    ['gal [gal_us]', '0.003785411784'],
    ['fl_oz_uk', '0.0000284130625'],
    ['pt_uk [pt_br]', '0.00056826125'],
    ['gal_uk [gal_br]', '0.00454609'],
    ['bbl [bbl_us]', '0.158987294928'],
    ['acre_ft', '1233.48183754752'],
  ],
  area: [
    ['mm2 mm²', '1e-6'],
    ['cm2 cm²', '1e-4'],
    ['m2 m²', '1'],
    ['km2 km²', '1000000'],
    ['ha', '10000'],
    ['acre', '4046.8564224'],
    ['in2 in²', '0.00064516'],
    ['ft2 ft²', '0.09290304'],
    ['yd2 yd²', '0.83612736'],
    ['mi2 mi²', '2589988.110336'],
  ],
  time: [
    ['ns', '1e-9'],
    ['us µs μs', '1e-6'],
    ['ms', '0.001'],
    ['s', '1'],
    ['min', '60'],
    ['h', '3600'],
    ['d', '86400'],
    ['wk', '604800'],
  ],
  data: [
    ['bit', '1'],
    ['kbit', '1000'],
    ['Mbit', '1000000'],
    ['Gbit', '1e9'],
    ['Tbit', '1e12'],
    ['B By', '8'],
    ['kB', '8000'],
    ['MB', '8000000'],
    ['GB', '8e9'],
    ['TB', '8e12'],
    ['PB', '8e15'],
    ['KiB', '8192'],
    ['MiB', '8388608'],
    ['GiB', '8589934592'],
    ['TiB', '8796093022208'],
    ['PiB', '9007199254740992'],
  ],
  'data rate': [
    ['bit/s', '1'],
    ['kbit/s', '1000'],
    ['Mbit/s', '1000000'],
    ['Gbit/s', '1e9'],
    ['B/s', '8'],
    ['kB/s', '8000'],
    ['MB/s', '8000000'],
    ['GB/s', '8e9'],
    ['KiB/s', '8192'],
    ['MiB/s', '8388608'],
    ['GiB/s', '8589934592'],
  ],
  angle: [
    ['turn', '1'],
    ['deg °', '1/360'],
    ['arcmin', '1/21600'],
    ['arcsec', '1/1296000'],
    ['gon', '1/400'],
    ['rad', `1/${twoPi}`],
    ['mrad', `0.001/${twoPi}`],
  ],
  frequency: [
    ['Hz', '1'],
    ['kHz', '1000'],
    ['MHz', '1000000'],
    ['GHz', '1e9'],
    ['rpm', '1/60'],
  ],
  flow: [
    ['m3/s m³/s', '1'],
    ['m3/h m³/h', '1/3600'],
    ['m3/d m³/d', '1/86400'],
    ['L/s l/s', '0.001'],
    ['L/min l/min', '1/60000'],
    ['ft3/s ft³/s', '0.028316846592'],
    ['gal/min', '0.003785411784/60'],
  ],
  concentration: [
    ['kg/m3 kg/m³', '1'],
    ['g/m3 g/m³', '0.001'],
    ['mg/m3 mg/m³', '1e-6'],
    ['ug/m3 µg/m³ μg/m³', '1e-9'],
    ['g/L g/l', '1'],
    ['mg/L mg/l', '0.001'],
    ['ug/L µg/L μg/L', '1e-6'],
    ['mg/dL mg/dl', '0.01'],
  ],
  fraction: [
    ['1', '1'],
    ['% [%]', '0.01'],
    ['permille ‰', '0.001'],
    ['bp', '0.0001'],
    ['ppm', '1e-6'],
    ['ppb', '1e-9'],
  ],
};

const units = new Map<string, Unit>();
for (const [quantity, rows] of Object.entries(quantities)) {
  for (const [symbols, factor, offset = '0'] of rows) {
    const names = symbols.split(' ');
    const unit = { symbol: names[0]!, quantity, factor: rational(factor), offset: rational(offset) };
    for (const name of names) units.set(name, unit);
  }
}

/** The unit of a symbol. */
export function unitOf(symbol: string): Unit | undefined {
  return units.get(symbol);
}

/** The symbols of a quantity, one for each unit. */
export function symbolsOf(quantity: string): string[] {
  return (quantities[quantity] ?? []).map(([symbols]) => symbols.split(' ')[0]!);
}

/** A symbol that is written otherwise only in its capitals; units tell mW from MW. */
export function likeSymbol(text: string): string | undefined {
  return [...units.keys()].find((symbol) => symbol.toLowerCase() === text.toLowerCase());
}

/** Converts between two units of one quantity. */
export function conversion(from: Unit, to: Unit): Linear {
  const { n, d } = to.factor;
  const factor = { n: from.factor.n * d, d: from.factor.d * n };
  const difference = {
    n: from.offset.n * to.offset.d - to.offset.n * from.offset.d,
    d: from.offset.d * to.offset.d,
  };
  return linear(factor, { n: difference.n * d, d: difference.d * n });
}
