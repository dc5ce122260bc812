#pragma once
// Named points at which a crash test may end the process. In a build without OUTBOX_FAULTS they are
// nothing at all.
//
//   OUTBOX_FAULT("relay.delivered");
//
// The environment says which one strikes: OUTBOX_FAULT=relay.delivered:3 kills the process, as
// SIGKILL does, the third time that it comes there. Names are "floor.what_has_just_happened".
//
// And places where a test may break the product on purpose, to see that the judge of the crash
// tests notices:
//
//   if (OUTBOX_BROKEN("relay.record_before_delivery")) …          // with
//   OUTBOX_BREAK=relay.record_before_delivery

#ifdef OUTBOX_FAULTS
namespace outbox {
void fault_point(const char* name) noexcept;
bool broken_on_purpose(const char* name) noexcept;
} // namespace outbox
#define OUTBOX_FAULT(name) ::outbox::fault_point(name)
#define OUTBOX_BROKEN(name) ::outbox::broken_on_purpose(name)
#else
#define OUTBOX_FAULT(name) static_cast<void>(0)
#define OUTBOX_BROKEN(name) false
#endif
