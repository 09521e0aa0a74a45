package template

import "reflect"

// The costs of an execution in Template.Work.
const (
	nodeCost    = 16
	elementCost = 1 << 10
	// maxNested is how deep lists and maps may hold each other.
	maxNested = 64
)

// charge takes cost from what is left of the work.
func (s *state) charge(cost int) {
	if s.Work == 0 {
		return
	}
	if *s.left -= cost; *s.left < 0 {
		s.fail("it takes too much work")
	}
}

// chargeValue spends what value costs.
func (s *state) chargeValue(value reflect.Value) {
	if s.Work != 0 {
		s.charge(costOf(value, *s.left, maxNested))
	}
}

// costOf is the cost of value, or more than limit. The same list counts each time that
// it is there, as it is printed.
func costOf(value reflect.Value, limit, nested int) (cost int) {
	value, isNil := indirect(value)
	if isNil || !value.IsValid() {
		return 0
	}
	if nested == 0 {
		return limit + 1
	}
	switch value.Kind() {
	case reflect.String:
		return value.Len()
	case reflect.Slice, reflect.Array:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return value.Len()
		}
		for i := 0; i < value.Len() && cost <= limit; i++ {
			cost += elementCost + costOf(value.Index(i), limit-cost, nested-1)
		}
	case reflect.Map:
		if value.Type().Elem().Kind() == reflect.String { // such as .Env, whose texts count when they are used
			return 0
		}
		for each := value.MapRange(); each.Next() && cost <= limit; {
			cost += elementCost + costOf(each.Key(), limit-cost, nested-1) + costOf(each.Value(), limit-cost, nested-1)
		}
	}
	return cost
}
