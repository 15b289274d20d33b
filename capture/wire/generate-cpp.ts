// SPDX-License-Identifier: Apache-2.0
// C++ from the contract: events.h (ids, slots, kinds, sizes) and errors.h (the catalogue).
import { type EventType, type Field, isSpan, type Model } from "./model.js";

/** `vedette.notice` is no identifier. */
function identifier(name: string): string {
  return name.replaceAll(".", "_");
}

export function emitEventsHeader(model: Model): string {
  const last = Math.max(...model.events.map((event) => event.id));
  return `// Generated from capture/wire/events.yaml; do not edit.
#pragma once
#include <cstdint>

namespace vedette {

inline constexpr uint64_t kSchema = 0x${model.schema.toString(16)}ull;
inline constexpr uint32_t kSchemaMajor = ${model.major};
inline constexpr uint32_t kSchemaMinor = ${model.minor};

enum class EventId : uint16_t {
  none = 0,
${model.events.map((event) => `  ${identifier(event.name)} = ${event.id},  // ${event.doc}`).join("\n")}
};
inline constexpr uint16_t kEventIdMax = ${last};

enum class EventTier : uint8_t { Guarded, Hot, Warm, Cold };
enum class SlotKind : uint8_t { Integer, Span };

inline constexpr int kSlotsMax = ${Math.max(...model.events.map((event) => event.slots))};
struct EventInfo {
  const char* name;  // Falco's evt.type; nullptr: no such id
  EventTier tier;
  bool may_be_inline;
  uint8_t slots;
  SlotKind kinds[kSlotsMax];
};
inline constexpr EventInfo kEvents[kEventIdMax + 1] = {
${Array.from({ length: last + 1 }, (_, id) => eventRow(model.events.find((event) => event.id === id))).join("\n")}
};

// Slot numbers of each event's parameters.
namespace slot {
${model.events.map(slotEnum).filter(Boolean).join("\n")}
}  // namespace slot

${fieldEnum("ProcessField", "kProcess", model.process)}
${fieldEnum("DescriptorField", "kDescriptor", model.descriptor)}
enum class Lost : uint8_t { ${model.lost.map((row) => row.name).join(", ")} };
inline constexpr int kLostCounters = ${model.lost.length};

// Values of the notice event's \`kind\`.
enum class Notice : uint8_t { ${rowsOf(model, "notice")} };

// Why each call of a process stops.
enum class IntegrityReason : uint8_t { ${rowsOf(model, "integrity_reason")} };

}  // namespace vedette
`;
}

function rowsOf(model: Model, name: string): string {
  const table = model.tables.find((row) => row.name === name);
  return (table?.rows ?? []).map((row) => `${row.name} = ${row.value}`).join(", ");
}

function eventRow(event: EventType | undefined): string {
  if (!event) return "    {nullptr, EventTier::Cold, false, 0, {}},";
  const kinds = event.params.filter((param) => param.slot >= 0).map(kind);
  const tier = { guarded: "Guarded", hot: "Hot", warm: "Warm", cold: "Cold" }[event.tier];
  return `    {"${event.name}", EventTier::${tier}, ${event.mayBeInline}, ${event.slots}, {${kinds.join(", ")}}},`;
}

function kind(field: Field): string {
  return isSpan(field.type) ? "SlotKind::Span" : "SlotKind::Integer";
}

function slotEnum(event: EventType): string {
  const named = event.params.filter((param) => param.slot >= 0);
  if (named.length === 0) return "";
  const rows = named.map((param) => `${param.name} = ${param.slot}`).join(", ");
  return `namespace ${identifier(event.name)}_ { enum : int { ${rows} }; }`;
}

function fieldEnum(type: string, prefix: string, fields: readonly Field[]): string {
  const rows = fields.map((field) => `  ${field.name}_ = ${field.slot},  // ${field.type}: ${field.doc}`);
  return `enum class ${type} : uint8_t {
${rows.join("\n")}
};
inline constexpr int ${prefix}Fields = ${fields.length};
inline constexpr uint32_t ${prefix}Size = ${fields.length * 8};
inline constexpr SlotKind ${prefix}Kinds[${fields.length}] = {${fields.map(kind).join(", ")}};
`;
}

export function emitErrorsHeader(model: Model): string {
  const text = (value: string) => JSON.stringify(value);
  return `// Generated from capture/wire/errors.yaml; do not edit.
#pragma once

namespace vedette {

enum class ErrorCode {
${model.errors.map((row) => `  ${row.code},`).join("\n")}
};

struct ErrorInfo {
  const char* code;
  const char* message;  // {name} stands for a value
  const char* hint;
  int exit;
};
inline constexpr ErrorInfo kErrors[] = {
${model.errors.map((row) => `    {${text(row.code)}, ${text(row.message)}, ${text(row.hint)}, ${row.exit}},`).join("\n")}
};
inline constexpr const ErrorInfo& info_of(ErrorCode code) { return kErrors[static_cast<int>(code)]; }

}  // namespace vedette
`;
}
