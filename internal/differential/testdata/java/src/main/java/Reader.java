import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.Message;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Reads protobuf with protobuf-java. See ../../../../../doc.go. */
public final class Reader {
  private final Map<String, Descriptor> types = new HashMap<>();

  public static void main(String[] args) throws Exception {
    Reader reader = new Reader();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    for (String line; (line = in.readLine()) != null; ) {
      JsonObject answer;
      try {
        answer = reader.answer(JsonParser.parseString(line).getAsJsonObject());
      } catch (Exception error) {
        answer = new JsonObject();
        answer.addProperty("error", error.toString());
      }
      out.println(answer);
    }
  }

  private JsonObject answer(JsonObject request) throws Exception {
    JsonObject answer = new JsonObject();
    if (request.has("set")) {
      load(FileDescriptorSet.parseFrom(decode(request, "set")));
      return answer;
    }
    Descriptor type = types.get(request.get("type").getAsString());
    answer.add("message", message(DynamicMessage.parseFrom(type, decode(request, "wire"))));
    return answer;
  }

  private static byte[] decode(JsonObject request, String name) {
    return Base64.getDecoder().decode(request.get(name).getAsString());
  }

  private void load(FileDescriptorSet set) throws Exception {
    types.clear();
    Map<String, FileDescriptor> files = new HashMap<>();
    for (FileDescriptorProto file : set.getFileList()) { // each after its imports
      FileDescriptor[] imports = file.getDependencyList().stream().map(files::get).toArray(FileDescriptor[]::new);
      FileDescriptor built = FileDescriptor.buildFrom(file, imports);
      files.put(file.getName(), built);
      for (Descriptor type : built.getMessageTypes()) {
        types.put(type.getFullName(), type);
      }
    }
  }

  private JsonObject message(Message m) throws Exception {
    JsonObject out = new JsonObject();
    for (Map.Entry<FieldDescriptor, Object> entry : m.getAllFields().entrySet()) {
      FieldDescriptor field = entry.getKey();
      JsonElement form;
      if (field.isMapField()) {
        form = map(field, (List<?>) entry.getValue());
      } else if (field.isRepeated()) {
        JsonArray list = new JsonArray();
        for (Object value : (List<?>) entry.getValue()) {
          list.add(element(field, value));
        }
        form = list;
      } else {
        form = one(field, entry.getValue());
      }
      if (form != null) {
        out.add(Integer.toString(field.getNumber()), form);
      }
    }
    if (m.getDescriptorForType().getFullName().equals("google.protobuf.Any") && out.has("1")) {
      String url = out.get("1").getAsString();
      Descriptor inner = types.get(url.substring(url.lastIndexOf('/') + 1));
      if (inner != null) {
        ByteString value = (ByteString) m.getField(m.getDescriptorForType().findFieldByNumber(2));
        out.add("2", message(DynamicMessage.parseFrom(inner, value)));
      }
    }
    return out;
  }

  private JsonObject map(FieldDescriptor field, List<?> entries) throws Exception {
    JsonObject out = new JsonObject();
    FieldDescriptor key = field.getMessageType().findFieldByNumber(1);
    FieldDescriptor value = field.getMessageType().findFieldByNumber(2);
    for (Object entry : entries) {
      Message m = (Message) entry;
      out.add(m.getField(key).toString(), element(value, m.getField(value)));
    }
    return out;
  }

  private JsonElement element(FieldDescriptor field, Object value) throws Exception {
    JsonElement form = one(field, value);
    return form != null ? form : new JsonPrimitive(zero(field));
  }

  private static String zero(FieldDescriptor field) {
    switch (field.getJavaType()) {
      case STRING:
      case BYTE_STRING:
        return "";
      case BOOLEAN:
        return "false";
      case FLOAT:
      case DOUBLE:
        return bits(0);
      default:
        return "0";
    }
  }

  private static String bits(double number) {
    return Double.isNaN(number) ? "nan" : String.format("%016x", Double.doubleToRawLongBits(number));
  }

  /** Returns the common form of a value, null for zero. */
  private JsonElement one(FieldDescriptor field, Object value) throws Exception {
    String text;
    switch (field.getJavaType()) {
      case MESSAGE:
        return message((Message) value);
      case BYTE_STRING:
        StringBuilder hex = new StringBuilder();
        for (byte b : ((ByteString) value).toByteArray()) {
          hex.append(String.format("%02x", b));
        }
        text = hex.toString();
        break;
      case ENUM:
        text = Integer.toString(((EnumValueDescriptor) value).getNumber());
        break;
      case FLOAT:
      case DOUBLE:
        double number = ((Number) value).doubleValue();
        return number == 0 ? null : new JsonPrimitive(bits(number));
      case INT:
        boolean small = field.getType() == FieldDescriptor.Type.UINT32 || field.getType() == FieldDescriptor.Type.FIXED32;
        text = small ? Integer.toUnsignedString((Integer) value) : value.toString();
        break;
      case LONG:
        boolean unsigned = field.getType() == FieldDescriptor.Type.UINT64 || field.getType() == FieldDescriptor.Type.FIXED64;
        text = unsigned ? Long.toUnsignedString((Long) value) : value.toString();
        break;
      default:
        text = value.toString();
    }
    return text.equals(zero(field)) ? null : new JsonPrimitive(text);
  }
}
