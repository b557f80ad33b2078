// The process's models by id: as many as have room, those used last. Whoever holds one keeps it alive.
#pragma once

#include <list>
#include <map>
#include <mutex>

#include "model.h"

namespace baler {

class ModelCache {
  public:
    static constexpr size_t kModels = 256, kBytes = size_t(16) << 20;  // of model files; the last one stays however large

    void add(std::shared_ptr<const Model> model);
    std::shared_ptr<const Model> get(const std::array<uint8_t, 32>& id);  // null when it is not there
    void clear();

  private:
    using Order = std::list<std::shared_ptr<const Model>>;
    std::mutex mutex_;
    Order order_;  // the one used last in front
    std::map<std::array<uint8_t, 32>, Order::iterator> places_;
    size_t bytes_ = 0;
};

// The one of the process. Never destroyed: a filter may still run while the process ends.
ModelCache& model_cache();

}  // namespace baler
