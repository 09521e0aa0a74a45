package policy

import "google.golang.org/protobuf/reflect/protoreflect"

// TypeName returns the type of a field as written in .proto files: "repeated
// pkg.Message", "map<string, int64>".
func TypeName(d protoreflect.FieldDescriptor) string {
	switch {
	case d.IsMap():
		return "map<" + TypeName(d.MapKey()) + ", " + TypeName(d.MapValue()) + ">"
	case d.IsList():
		return "repeated " + elementName(d)
	}
	return elementName(d)
}

func elementName(d protoreflect.FieldDescriptor) string {
	switch {
	case d.Message() != nil:
		return string(d.Message().FullName())
	case d.Enum() != nil:
		return string(d.Enum().FullName())
	}
	return d.Kind().String()
}
