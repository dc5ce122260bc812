#pragma once
// Named points at which a crash test may end the process. In a build without OUTBOX_FAULTS they are
// nothing at all.
//
//   OUTBOX_FAULT("relay.delivered");
//
// The environment says which one strikes: OUTBOX_FAULT=relay.delivered:3 kills the process, as
// SIGKILL does, the third time that it comes there. Names are "floor.what_has_just_happened".

#ifdef OUTBOX_FAULTS
namespace outbox {
void fault_point(const char* name) noexcept;
}
#define OUTBOX_FAULT(name) ::outbox::fault_point(name)
#else
#define OUTBOX_FAULT(name) static_cast<void>(0)
#endif
