// Gives classes what reads and writes them as JSON, when the compiler has parsed them: those that are marked @json, and
// those that extend Command or Event.
//
// A member has the name of its field, or that of @name("…"). It has to be there, unless it may be null, and is null then,
// or is marked @optional, and stays as the class begins with it. What is null is left out.
//
// Nothing is imported: where the package is linked, the compiler that it would find may not be the one that is running.
// So nodes are told by what they have, and the parser is another one of the kind that is given.

const library = "@nacredb/guest/assembly";
const bases = new Set(["Command", "Event"]);

/** What the compiler calls the flag of static members. */
const STATIC = 1 << 5;

export default class Codecs {
  afterParse(parser) {
    const parse = (text, source) => parsed(new parser.constructor(), text, source);
    for (const source of parser.sources) {
      // This package's own classes have what they need.
      if (source.internalPath.startsWith("~lib/@nacredb/guest/")) continue;
      const classes = [];
      find(source.statements, classes);
      if (classes.length === 0) continue;
      for (const declaration of classes) {
        const text = codec(declaration, problem(declaration));
        if (text !== "") declaration.members.push(...parse(text, source)[0].members);
      }
      const names = "Reader as __nacre_Reader, Writer as __nacre_Writer, read as __nacre_get, write as __nacre_put";
      source.statements.unshift(...parse(`import { ${names} } from "${library}";`, source));
    }
  }
}

function problem(declaration) {
  return (what, node = declaration.name) => {
    const { source } = node.range;
    const line = source.lineAt(node.range.start);
    throw new Error(`${source.normalizedPath}:${line}: class ${declaration.name.text}: ${what}`);
  };
}

function find(statements, classes) {
  for (const statement of statements) {
    if (!Array.isArray(statement.members)) continue;
    // Classes may extend something, namespaces hold statements.
    if (!("extendsType" in statement)) find(statement.members, classes);
    else if (wanted(statement)) classes.push(statement);
  }
}

function wanted(declaration) {
  return decorator(declaration, "json") !== undefined || bases.has(declaration.extendsType?.name.identifier.text);
}

function decorator(node, name) {
  return node.decorators?.find((d) => d.name.text === name);
}

/** The statements of a text, as if they stood in that source. */
function parsed(parser, text, source) {
  parser.parseFile(text, source.normalizedPath, false);
  const broken = parser.diagnostics.map((d) => d.message);
  if (broken.length > 0) throw new Error(`the codec does not parse: ${broken.join("; ")}\n${text}`);
  return parser.sources[0].statements;
}

/** The members, in the text of a class. */
function codec(declaration, problem) {
  const base = declaration.extendsType?.name.identifier.text;
  if (base !== undefined && !bases.has(base)) problem(`extends ${base}: what is marked @json extends nothing, Command or Event`);
  const members = declaration.members.filter((m) => "parameterIndex" in m && !m.is(STATIC)).map((m) => member(m, problem));
  if (declaration.members.some((m) => m.name.text === "__nacre_read")) return "";
  if (members.length > 64) problem("has more than 64 members");
  const names = new Set(members.map((m) => m.json));
  if (names.size < members.length) problem("has two members of the same name");

  let wanted = 0n;
  members.forEach((m, i) => { if (!m.optional) wanted |= 1n << BigInt(i); });
  const reads = members.map((m, i) => `
      if (r.is(${m.literal})) {
        seen = r.once(seen, ${i});
        if (r.error !== null) return;
        this.${m.field} = __nacre_get<${m.type}>(r);
        if (r.within(${m.literal})) return;
        continue;
      }`);
  const writes = members.map((m) => {
    const put = `w.name(${m.literal}); __nacre_put<${m.type}>(w, this.${m.field});`;
    return m.nullable ? `if (this.${m.field} !== null) { ${put} }` : put;
  });
  return `class Codec {
  __nacre_read(r: __nacre_Reader): void {
    ${members.length === 0 ? "if (r.nil()) return;" : ""}
    let seen: u64 = 0;
    if (!r.object()) return;
    while (r.member()) {${reads.join("")}
      r.unknown();
    }
    r.need(seen, ${wanted}, ${JSON.stringify(members.map((m) => m.json).join(","))});
  }
  __nacre_write(w: __nacre_Writer): void {
    w.beginObject();
    ${writes.join("\n    ")}
    w.endObject();
  }
}`;
}

function member(node, problem) {
  const field = node.name.text;
  const type = node.type.range.toString();
  const nullable = node.type.isNullable;
  const named = decorator(node, "name");
  let json = field;
  if (named !== undefined) {
    const text = named.args?.[0];
    if (named.args?.length !== 1 || typeof text.value !== "string") problem("@name takes one text", node);
    json = text.value;
  }
  if (json.includes(",")) problem("a member's name has a comma", node);
  return { field, json, type, nullable, literal: JSON.stringify(json), optional: nullable || decorator(node, "optional") !== undefined };
}
