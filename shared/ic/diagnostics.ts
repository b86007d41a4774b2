// What is wrong with a line of C, as values: a key with parameters, so that each reader can have it in their language.

export interface Diagnostic {
  key: DiagnosticKey
  params: Record<string, string | number>
  severity: 'error' | 'warning'
  from: number // in the line
  to: number
}

export type Language = 'en' | 'de'

const texts = {
  lineTooLong: [
    'a line may have {max} characters',
    'Eine Zeile darf höchstens {max} Zeichen haben',
  ],
  tooDeep: ['nested too deeply', 'zu tief geschachtelt'],
  strayCharacter: ["'{text}' has no meaning in C", '„{text}“ hat in C keine Bedeutung'],
  noFloat: [
    'there are no floating point numbers at this prompt',
    'Gleitkommazahlen gibt es an diesem Prompt nicht',
  ],
  badNumber: ["'{text}' is not a number", '„{text}“ ist keine Zahl'],
  numberTooLarge: ['{text} does not fit into 64 bits', '{text} passt nicht in 64 Bit'],
  unterminatedChar: ["missing closing '", "schließendes ' fehlt"],
  emptyChar: ['an empty character constant', 'leere Zeichenkonstante'],
  unterminatedString: ['missing closing "', 'schließendes " fehlt'],
  unterminatedComment: [
    'the comment has no end: */ is missing',
    'Der Kommentar endet nicht: */ fehlt',
  ],
  badEscape: ["unknown escape '{text}'", 'unbekannte Escape-Folge „{text}“'],
  expected: ["'{what}' expected before {found}", '„{what}“ erwartet vor {found}'],
  expectedExpression: ['an expression is expected before {found}', 'Ausdruck erwartet vor {found}'],
  expectedName: ['a name is expected before {found}', 'Name erwartet vor {found}'],
  missingParen: [
    "missing ')': this '(' is never closed",
    '„)“ fehlt: Diese Klammer wird nie geschlossen',
  ],
  missingBracket: [
    "missing ']': this '[' is never closed",
    '„]“ fehlt: Diese Klammer wird nie geschlossen',
  ],
  missingBrace: [
    "missing '}': this '{' is never closed",
    '„}“ fehlt: Diese Klammer wird nie geschlossen',
  ],
  unknownName: ["'{name}' is not known", '„{name}“ ist nicht bekannt'],
  unknownNameNear: [
    "'{name}' is not known; did you mean '{near}'?",
    '„{name}“ ist nicht bekannt; war „{near}“ gemeint?',
  ],
  unknownFunction: ["there is no function '{name}'", 'Es gibt keine Funktion „{name}“'],
  unknownFunctionNear: [
    "there is no function '{name}'; did you mean '{near}'?",
    'Es gibt keine Funktion „{name}“; war „{near}“ gemeint?',
  ],
  notAFunction: ["'{name}' is not a function", '„{name}“ ist keine Funktion'],
  functionNotCalled: [
    "'{name}' is a function; call it: {prototype}",
    '„{name}“ ist eine Funktion; Aufruf: {prototype}',
  ],
  tooFewArguments: [
    "too few arguments to '{name}': {given} given; {prototype}",
    'zu wenige Argumente für „{name}“: {given} angegeben; {prototype}',
  ],
  tooManyArguments: [
    "too many arguments to '{name}': {given} given; {prototype}",
    'zu viele Argumente für „{name}“: {given} angegeben; {prototype}',
  ],
  notAnLvalue: [
    'only a variable or a place in memory can be assigned to',
    'Nur einer Variablen oder einer Stelle im Speicher kann etwas zugewiesen werden',
  ],
  noAddress: [
    'only a variable or a place in memory has an address',
    'Nur eine Variable oder eine Stelle im Speicher hat eine Adresse',
  ],
  assignConst: ["'{name}' is const", '„{name}“ ist const'],
  assignArray: [
    'an array cannot be assigned as a whole; use memcpy() or strcpy()',
    'Ein Feld kann nicht als Ganzes zugewiesen werden; dafür gibt es memcpy() und strcpy()',
  ],
  notAPointer: [
    "only a pointer can be dereferenced, this is '{type}'",
    'Nur ein Zeiger kann dereferenziert werden, dies ist „{type}“',
  ],
  badOperands: [
    "'{operator}' does not go with '{left}' and '{right}'",
    '„{operator}“ passt nicht zu „{left}“ und „{right}“',
  ],
  badOperand: ["'{operator}' does not go with '{type}'", '„{operator}“ passt nicht zu „{type}“'],
  badSubscript: [
    "only arrays and pointers have elements: '{left}' with an index of '{right}'",
    'Nur Felder und Zeiger haben Elemente: „{left}“ mit Index „{right}“',
  ],
  voidValue: ['this has no value (void)', 'Das hat keinen Wert (void)'],
  badCast: ["no conversion from '{from}' to '{to}'", 'keine Umwandlung von „{from}“ nach „{to}“'],
  badConversion: [
    "'{from}' cannot be converted to '{to}'",
    '„{from}“ kann nicht in „{to}“ umgewandelt werden',
  ],
  pointerFromInteger: [
    "'{to}' made from the integer '{from}' without a cast",
    '„{to}“ ohne Cast aus der ganzen Zahl „{from}“ gemacht',
  ],
  integerFromPointer: [
    "integer '{to}' made from the pointer '{from}' without a cast",
    'ganze Zahl „{to}“ ohne Cast aus dem Zeiger „{from}“ gemacht',
  ],
  otherPointer: [
    "'{from}' used as '{to}' without a cast",
    '„{from}“ ohne Cast als „{to}“ verwendet',
  ],
  badType: ["'{text}' is no type", '„{text}“ ist kein Typ'],
  voidVariable: [
    "a variable cannot be of type 'void'",
    'Eine Variable kann nicht vom Typ „void“ sein',
  ],
  arraySize: [
    'the length of an array must be a positive constant',
    'Die Länge eines Feldes muss eine positive Konstante sein',
  ],
  arrayUnsized: ['this array needs a length', 'Dieses Feld braucht eine Länge'],
  tooManyInitializers: [
    'more values than the array has elements',
    'mehr Werte als das Feld Elemente hat',
  ],
  badInitializer: [
    'an array is initialized by { … } or by a string',
    'Ein Feld wird mit { … } oder einer Zeichenkette initialisiert',
  ],
  noRoom: [
    'no room left for variables: {size} bytes needed, {left} left; malloc() has more',
    'kein Platz mehr für Variablen: {size} Byte nötig, {left} übrig; mit malloc() gibt es mehr',
  ],
  outsideLoop: ["'{word}' outside of a loop", '„{word}“ außerhalb einer Schleife'],
  unknownStruct: [
    'structures cannot be declared at this prompt; there are {names}',
    'Strukturen kann man an diesem Prompt nicht deklarieren; es gibt {names}',
  ],
  structValue: [
    "'{type}' as a whole has no value here; name a member, or pass its address with &",
    '„{type}“ hat hier als Ganzes keinen Wert; ein Element nennen oder mit & die Adresse übergeben',
  ],
  badStruct: ["'{from}' cannot become '{to}'", '„{from}“ kann nicht „{to}“ werden'],
  notAStruct: ["'{type}' has no members", '„{type}“ hat keine Elemente'],
  notAMember: [
    "'{type}' has no member '{name}'; it has {members}",
    '„{type}“ hat kein Element „{name}“; es gibt {members}',
  ],
  useArrow: [
    "'{type}' is a pointer; use -> to get to '{name}'",
    '„{type}“ ist ein Zeiger; zu „{name}“ kommt man mit ->',
  ],
  unsupported: [
    "'{word}' is not supported at this prompt",
    '„{word}“ gibt es an diesem Prompt nicht',
  ],
  noReturn: [
    'there is no function here to return from; exit() ends the process',
    'Hier gibt es keine Funktion, aus der man zurückkehren könnte; exit() beendet den Prozess',
  ],
  noFunctions: [
    'functions cannot be defined at this prompt; write a C file and compile it',
    'Funktionen kann man an diesem Prompt nicht definieren; dafür gibt es C-Dateien und den Compiler',
  ],
  reserved: ["'{name}' already means something else", '„{name}“ bedeutet schon etwas anderes'],
  elseWithoutIf: ["'else' without 'if'", '„else“ ohne „if“'],
  strayBrace: ["this '}' closes nothing", 'Diese „}“ schließt nichts'],
} satisfies Record<string, [en: string, de: string]>

export type DiagnosticKey = keyof typeof texts

/** The message alone, without its place. */
export function diagnosticText(diagnostic: Diagnostic, language: Language = 'en'): string {
  const text = texts[diagnostic.key][language === 'en' ? 0 : 1]
  return text.replace(/\{(\w+)\}/g, (all, name: string) =>
    Object.hasOwn(diagnostic.params, name) ? String(diagnostic.params[name]) : all,
  )
}

const severities = {
  error: { en: 'error', de: 'Fehler' },
  warning: { en: 'warning', de: 'Warnung' },
}

const SHOWN = 76 // columns of the line around the place

/** Three lines: the message, the line of C, a caret below the place. */
export function showDiagnostic(
  line: string,
  diagnostic: Diagnostic,
  language: Language = 'en',
): string {
  const head = `${severities[diagnostic.severity][language]}: ${diagnosticText(diagnostic, language)}`
  const start = diagnostic.from > SHOWN - 16 ? diagnostic.from - 20 : 0
  const shown = line.slice(start, start + SHOWN).replace(/[\t\r\n]/g, ' ')
  const before = (start > 0 ? '  …' : '  ') + shown
  const column = diagnostic.from - start + (start > 0 ? 3 : 2)
  const width = Math.max(1, Math.min(diagnostic.to - diagnostic.from, SHOWN + 2 - column))
  return `${head}\n${before.trimEnd()}\n${' '.repeat(column)}^${'~'.repeat(width - 1)}\n`
}

/** Thrown inside the compiler only, which catches it. */
export class Rejected extends Error {
  readonly diagnostic: Diagnostic
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.key)
    this.diagnostic = diagnostic
  }
}

export function reject(
  key: DiagnosticKey,
  place: { from: number; to: number },
  params: Diagnostic['params'] = {},
): never {
  throw new Rejected({ key, params, severity: 'error', from: place.from, to: place.to })
}
