// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/address_space.h"

namespace vedette {

Ref<AddressSpace> copy_of(const AddressSpace& parent) {
  Ref<AddressSpace> child = make_ref<AddressSpace>();
  if (parent.data) child->data = parent.data->copy();
  child->sealed = parent.sealed;
  child->served = parent.served;  // UFFD_FEATURE_EVENT_FORK
  return child;
}

}  // namespace vedette
